// The box in which one writes. What is in it is kept at every key press, for each conversation.

import { bytesOf, MESSAGE_BYTES_MAX } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h, icon, named } from './dom.js';

/** From here on the box says how much room is left. */
const TOLD_BYTES = MESSAGE_BYTES_MAX - 1024;

/** `say(text)` sends; `page(direction)` scrolls the messages by a page. */
export function composer({ drafts, conv, name, say, page }) {
  const limit = h('p.limit', { id: 'limit', role: 'status' });
  const button = h('button.send', { type: 'submit', ...named(t('send')) }, icon('send'));
  const box = h('textarea', {
    rows: 1, 'aria-label': t('composer', { name }), placeholder: t('composer.hint'), 'aria-describedby': 'limit', dir: 'auto',
    enterkeyhint: 'send', oninput: changed, onkeydown: pressed,
  });
  box.value = drafts.get(conv);

  function changed() {
    drafts.set(conv, box.value);
    show();
  }

  function show() {
    const bytes = bytesOf(box.value);
    const isTooLong = bytes > MESSAGE_BYTES_MAX;
    const text = isTooLong ? t('composer.toolong', { n: bytes - MESSAGE_BYTES_MAX }) : t('composer.left', { n: MESSAGE_BYTES_MAX - bytes });
    limit.textContent = bytes > TOLD_BYTES ? text : '';
    limit.classList.toggle('error', isTooLong);
    button.disabled = isTooLong || box.value.trim() === '';
    grow();
  }

  /** As high as its text, up to what the style allows. */
  function grow() {
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight + 2}px`;
  }

  function pressed(event) {
    // While an input method composes, Enter belongs to it. Safari says so by the key code only.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key === 'Enter' && !event.shiftKey && !isComposing) send(event);
    if (event.key === 'PageUp' || event.key === 'PageDown') {
      event.preventDefault();
      page(event.key === 'PageUp' ? -1 : 1);
    }
  }

  function send(event) {
    event.preventDefault();
    if (button.disabled) return;
    // The beginning of a line may be indented on purpose.
    const text = box.value.replace(/^\s*\n|\s+$/g, '');
    // In this order the text is somewhere at any moment.
    say(text);
    box.value = '';
    changed();
    box.focus();
  }

  // Its height is known when it is in the page.
  requestAnimationFrame(show);
  return { element: h('form.composer', { onsubmit: send }, limit, h('div.field', {}, box, button)), box };
}
