// Boxes over the screen. The browser keeps the focus inside and closes them with Escape.

import { t } from '../i18n.js';
import { h } from './dom.js';

/** Shows a box; `close()` closes it. `content(close)` gives what is in it. */
export function showDialog(title, content) {
  const close = () => dialog.close();
  const dialog = h('dialog', { 'aria-label': title, onclick: onBackdrop, onclose: () => dialog.remove() },
    h('div.box', {},
      h('header', {}, h('h2', { dir: 'auto' }, title), h('button.quiet', { onclick: close }, t('close'))),
      content(close)));

  function onBackdrop(event) {
    if (event.target === dialog) close();
  }

  document.body.append(dialog);
  dialog.showModal();
  return close;
}

/** Asks; `then` runs if the user agrees. */
export function confirmFirst({ title, text, label, then }) {
  showDialog(title, (close) => [
    h('p', {}, text),
    h('div.actions', {},
      h('button', { onclick: close }, t('cancel')),
      h('button.danger', { onclick: () => { close(); then(); } }, label)),
  ]);
}
