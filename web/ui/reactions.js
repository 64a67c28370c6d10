// Reactions to a message: what stands below it, and the box in which one chooses.

import { bytesOf, REACTION_BYTES_MAX } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h } from './dom.js';
import { showBeside } from './menu.js';

const OFFERED = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀'];

/** What stands below a message; `react(reaction, on)` changes it. */
export function reactionRow(reactions, react) {
  return h('div.reactions', { role: 'group', 'aria-label': t('reactions') }, reactions.map(({ reaction, count, mine }) =>
    h('button.reaction', {
      tabindex: -1, 'aria-pressed': String(mine), 'aria-label': t('reaction.count', { reaction, n: count }), onclick: () => react(reaction, !mine),
    }, h('span', { 'aria-hidden': 'true', dir: 'auto' }, reaction), h('span', { 'aria-hidden': 'true' }, String(count)))));
}

export function reactionBox(anchor, { reactions = [], react, back }) {
  const isMine = (reaction) => reactions.some((entry) => entry.reaction === reaction && entry.mine);
  const others = reactions.map(({ reaction }) => reaction).filter((reaction) => !OFFERED.includes(reaction));
  showBeside(anchor, {
    role: 'dialog', label: t('react'), back,
    content: (close) => {
      const choose = (reaction, on) => { close(); react(reaction, on); };
      const box = h('input', { 'aria-label': t('react.other'), placeholder: t('react.other'), autocomplete: 'off', dir: 'auto' });
      const onsubmit = (event) => {
        event.preventDefault();
        const reaction = box.value.trim();
        box.setCustomValidity(bytesOf(reaction) > REACTION_BYTES_MAX ? t('error.large') : '');
        if (reaction && box.reportValidity()) choose(reaction, true);
      };
      return [
        h('div.emoji', {}, [...OFFERED, ...others].map((reaction) =>
          h('button.reaction', { 'aria-pressed': String(isMine(reaction)), onclick: () => choose(reaction, !isMine(reaction)) }, reaction))),
        h('form.line', { onsubmit, oninput: () => box.setCustomValidity('') }, box, h('button', { type: 'submit' }, t('react'))),
      ];
    },
  });
}
