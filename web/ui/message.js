// One message as it stands in the log.

import { isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h, icon, spoken } from './dom.js';
import { errorText } from './errors.js';
import { reactionRow } from './reactions.js';
import { isEmojiOnly, nodesOf } from './text.js';
import { clock, fullTime } from './time.js';

const QUOTE_CHARS_MAX = 120;
const ICONS = { stored: 'check', delivered: 'checks', read: 'checks', waiting: 'clock', failed: 'alert' };

/** The one that this message answers, or undefined. */
export const answeredBy = ({ ext }) => (Number.isInteger(ext?.re) ? ext.re : undefined);

/** Whether somebody is meant in particular. */
export const mentions = ({ ext }, id) => Array.isArray(ext?.mentions) && ext.mentions.includes(id);

/** What a list or a quote says of a message. */
export const shortText = ({ msg, recalled }) => (recalled ? t('recalled') : msg.replace(/\s+/g, ' ').slice(0, QUOTE_CHARS_MAX));

/**
 * `state` is one of `ICONS`, or empty for others' messages; `quoted` the message that is answered, or null; `seen` how many
 * have read it. Acts: `goTo(seq)`, `react(message, reaction, on)`, `retry(cid)`, `discard(cid)`.
 */
export function messageElement(message, { me, state, isClose, quoted, seen, acts }) {
  const { conv, id, name, msg, cid, seq, failed, recalled, reactions } = message;
  const isOwn = id === me;
  const isLarge = !recalled && isEmojiOnly(msg);
  const kind = [isOwn ? 'own' : 'foreign', isClose && 'close', state, isLarge && 'large', mentions(message, me) && 'mention'].filter(Boolean).join('.');
  const showsName = isGroup(conv) && !isOwn && !isClose;
  const who = showsName ? h('div.who', { dir: 'auto' }, name) : spoken(isOwn ? t('log.you') : `${name}: `);
  const text = recalled
    ? h('div.text.gone', {}, t(isOwn ? 'recalled.own' : 'recalled'))
    : h('div.text', { dir: 'auto' }, nodesOf(msg));
  return h(`div.message.${kind}`, { 'data-seq': seq, 'data-cid': cid, tabindex: -1 },
    h('div.bubble', {}, who, quoted !== undefined && quote(quoted, answeredBy(message), acts), text, meta(message, state, seen)),
    reactions?.length > 0 && reactionRow(reactions, (reaction, on) => acts.react(message, reaction, on)),
    failed && failure(cid, failed, acts));
}

function meta({ time, edited }, state, seen) {
  return h('span.meta', {},
    edited && h('span', { title: fullTime(edited) }, t('edited')),
    h('time', { datetime: time, title: fullTime(time) }, clock(time)),
    ICONS[state] && [icon(ICONS[state]), spoken(t(`state.${state}`))],
    seen > 0 && h('span', {}, t('seen', { n: seen })));
}

/** One that is not here, and cannot be had, says so. */
function quote(message, seq, { goTo }) {
  const words = message ? [h('strong', { dir: 'auto' }, message.name), h('span', { dir: 'auto' }, shortText(message))] : h('span', {}, t('quote.missing'));
  return h('button.quote', { tabindex: -1, onclick: () => goTo(seq) }, words);
}

function failure(cid, failed, { retry, discard }) {
  return h('div.failure', {},
    h('span', {}, errorText(failed)),
    h('button.quiet', { onclick: () => retry(cid) }, t('retry')),
    h('button.quiet', { onclick: () => discard(cid) }, t('discard')));
}
