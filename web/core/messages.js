// What is kept of a message, and what the events do to it: an edit, a recall, a reaction. Events are numbered like messages
// and kept like them, so that the numbers have no hole; nothing is shown of them but what they have changed.
//
//   message  {conv, seq, id, name, msg, time, ext?, edited?, recalled?, reactions?, upto?}
//   event    {conv, seq, id, name, time, kind, of, msg?, ext?, reaction?, on?}
//
// `upto` is the place of the last event that is surely counted in `reactions`; without it, it is the message's own place.

import { isGroup, MSGID } from './protocol.js';

const KINDS = { [MSGID.EDIT]: 'edit', [MSGID.RECALL]: 'recall', [MSGID.REACT]: 'react' };
const OPTIONAL = ['msg', 'ext', 'edited', 'recalled', 'reactions', 'of', 'reaction', 'on'];

/** Whether a line is a push that has a place in a conversation. */
export const hasPlace = ({ msgid }) => msgid === MSGID.ONE_CHAT || msgid === MSGID.GROUP_CHAT || msgid in KINDS;

/** A push as it is kept in IndexedDB. */
export function storedForm(conv, push) {
  const { msgid, seq, id, name, time } = push;
  const row = { conv, seq, id, name, time };
  for (const key of OPTIONAL) if (push[key] !== undefined) row[key] = push[key];
  if (msgid in KINDS) row.kind = KINDS[msgid];
  // A recalled message has no text.
  else row.msg ??= '';
  return row;
}

export const isMessage = ({ kind }) => !kind;

/** A message after an event; the same object if the event changes nothing. */
function changedBy(message, event, me) {
  if (message.recalled || event.id === undefined) return message;
  if (event.kind === 'edit') return edited(message, event);
  if (event.kind === 'recall') return recalled(message);
  return (message.upto ?? message.seq) < event.seq ? reacted(message, event, me) : message;
}

/** An edit that another one has overtaken has no text. */
function edited(message, { msg, ext, time }) {
  if (msg === undefined || message.edited >= time) return message;
  const { ext: _, ...rest } = message;
  return { ...rest, msg, edited: time, ...(ext === undefined ? {} : { ext }) };
}

function recalled({ conv, seq, id, name, time, cid }) {
  return { conv, seq, id, name, time, msg: '', recalled: true, ...(cid && { cid }) };
}

/** In a conversation of two it is known who the other one is, so that nobody counts twice. */
function reacted(message, { conv, id, reaction, on, seq }, me) {
  const list = message.reactions ?? [];
  const known = list.find((entry) => entry.reaction === reaction) ?? { reaction, count: 0, mine: false };
  const others = known.count - Number(known.mine);
  const entry = { reaction, mine: id === me ? on : known.mine };
  const othersNow = id === me ? others : isGroup(conv) ? Math.max(0, others + (on ? 1 : -1)) : Number(on);
  entry.count = othersNow + Number(entry.mine);
  const all = list.includes(known) ? list.map((other) => (other === known ? entry : other)) : [...list, entry];
  return { ...message, reactions: all.filter(({ count }) => count > 0), upto: seq };
}

/** The messages that these rows, pushed in their order, have changed: as they are after it. */
export async function changedByPushes(store, rows, me) {
  const byPlace = new Map(rows.filter(isMessage).map((row) => [placeOf(row), row]));
  const changed = new Map();
  for (const event of rows.filter(({ kind }) => kind)) {
    const place = placeOf({ conv: event.conv, seq: event.of });
    const message = byPlace.get(place) ?? (await store.message(event.conv, event.of));
    const after = message && changedBy(message, event, me);
    if (!after || after === message) continue;
    byPlace.set(place, after);
    changed.set(place, after);
  }
  return [...changed.values()];
}

/**
 * What a page of the history changes in the messages that are stored beside it. Those within it are as they are now. Pages
 * come in any order, and reactions cannot be counted backwards: so messages with other reactions than before are to be
 * forgotten, and asked for when somebody looks at them.
 */
export async function changedByPage(store, page, me) {
  const inside = new Set(page.map(({ seq }) => seq));
  const changed = [];
  const forgotten = [];
  for (const event of page.filter(({ kind, of }) => kind && !inside.has(of))) {
    const message = await store.message(event.conv, event.of);
    if (!message) continue;
    const after = changedBy(message, event, me);
    if (after === message) continue;
    if (event.kind === 'react') forgotten.push(message);
    else changed.push(after);
  }
  return { changed, forgotten };
}

const placeOf = ({ conv, seq }) => `${conv} ${seq}`;
