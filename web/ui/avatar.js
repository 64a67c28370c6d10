// The round sign of a person or a group: its first letter, in a colour of its own.

import { idOf, isGroup } from '../core/protocol.js';
import { h, icon } from './dom.js';

/** Turns ids that follow each other into colours that lie apart; group 1 is not to look like user 1. */
const GOLDEN_ANGLE = 137.5;
const GROUPS_ANGLE = 200;

const segmenter = Intl.Segmenter && new Intl.Segmenter();
const firstLetter = (name) => (segmenter ? [...segmenter.segment(name)][0]?.segment : [...name][0]) ?? '';

/** `state` is `online`, `offline` or nothing. */
export function avatar(conv, name, state) {
  const sign = isGroup(conv) ? icon('group') : firstLetter(name).toLocaleUpperCase();
  const element = h('span.avatar', { 'aria-hidden': 'true' }, sign, state === 'online' && h('span.dot'));
  element.style.setProperty('--hue', Math.round((idOf(conv) * GOLDEN_ANGLE + (isGroup(conv) ? GROUPS_ANGLE : 0)) % 360));
  return element;
}
