// How the user wants to see a conversation: muted, pinned. The others do not know of it.

import { isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h, icon } from './dom.js';
import { attempt } from './forms.js';

/** Buttons that switch it, or nothing where there is nothing to switch. */
export function viewButtons(client, conv) {
  const { model } = client;
  if (!model.isModern || !(isGroup(conv) || model.record(conv).last)) return null;
  return h('div.switches', {}, ['muted', 'pinned'].map((flag) => {
    const isOn = () => Boolean(model.record(conv)[flag]);
    const show = () => button.setAttribute('aria-pressed', String(isOn()));
    const toggle = () => attempt(client.call('set', { conv, [flag]: !isOn() }), show);
    const button = h('button', { onclick: toggle }, icon(flag === 'muted' ? 'muted' : 'pin'), t(`view.${flag}`));
    show();
    return button;
  }));
}
