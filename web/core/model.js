// What every tab knows of the account. It changes by events only, which the tab with the connection makes after they are
// stored. An event says how things are, not by how much they changed: applied twice, it does no harm.
//
//   {type: 'status', status}                     the connection
//   {type: 'lists', friends?, groups?, ...}      see `LISTS`
//   {type: 'messages', list, records, incoming}  messages, with their conversations; `isNews`: they came while we were away
//   {type: 'changed', list, records}             the same, of messages that have their place already
//   {type: 'forgotten', list}                    messages are not as they were, and are to be asked for
//   {type: 'queued', item}                       a message of the outbox: new, or failed
//   {type: 'sent', cid, list, records}           it is stored at the server
//   {type: 'dropped', cid}                       it was deleted
//   {type: 'removed', conv}                      a conversation is gone
//   {type: 'anew', records}                      messages and counts are forgotten
//   {type: 'notice', kind, ...}                  something to tell the user
//   {type: 'presence', id, state}                a friend has come or gone
//   {type: 'typing', conv, id, name}             somebody writes there; without an id, nobody does any more
//   {type: 'loaded'}                             all may have changed
//
// A conversation's record:
//   conv, name
//   top     {seq, id, time} of the highest push, or null    (habit 3 and 6 of docs/protocol.md)
//   read    the place up to which the user has read
//   unread  how many messages of others lie above it; 100 are 100 or more
//   last    {seq, id, name, msg, time, recalled?}, the latest one, shortened; null for none
//   end     the highest place that is known, of whatever origin
//   peer    {delivered, read}, how far the other one of two is
//   muted, pinned, isErased
//   isBlank the server has nothing in it either

import { idOf, isGroup } from './protocol.js';

const PREVIEW_CHARS = 160;
/** The server counts no further. */
export const UNREAD_MAX = 100;
/** Who has typed something is said to be typing for so long. */
const TYPING_MS = 6000;
/** Lists of entries with an `id`. */
const LISTS = ['friends', 'groups', 'requests', 'invitations', 'blocked'];

export const newRecord = (conv) => ({ conv, name: '', top: null, read: 0, unread: 0, last: null });

/** The record's `last` after this message; events change nothing. */
export function latest(last, message) {
  if (message.kind || (last && last.seq > message.seq)) return last;
  const { seq, id, name, msg, time, recalled } = message;
  return { seq, id, name, msg: msg.slice(0, PREVIEW_CHARS), time, recalled };
}

/** The highest place of the conversation that is known. */
export const endOf = ({ top, last, end = 0 }) => Math.max(top?.seq ?? 0, last?.seq ?? 0, end);

/** How far the other one of two is, after hearing `further`. */
export function furthest(peer = { delivered: 0, read: 0 }, { delivered = 0, read = 0 }) {
  return { delivered: Math.max(peer.delivered, delivered, read), read: Math.max(peer.read, read) };
}

/** The record after some of its messages have changed. */
export function withChanges(record, messages) {
  const isLast = ({ conv, seq }) => conv === record.conv && seq === record.last?.seq;
  return { ...record, last: messages.filter(isLast).reduce(latest, record.last) };
}

export class Model {
  constructor(account) {
    this.me = account.id;
    this.name = account.name;
    this.status = { state: 'connecting' };
    this.convs = new Map();
    this.outbox = new Map();
    for (const key of LISTS) this[key] = new Map();
    this.profile = {}; // what the others see of the user, beside the name
    this.isModern = false; // the server knows edits, receipts and all that came with them
    this.typing = new Map(); // conversation -> {id, name, timer}
    this.hints = new Map(); // names of conversations that nothing is stored of yet
    this.listeners = new Set();
    this.isLoaded = false;
  }

  load({ convs, outbox, lists }) {
    this.convs = new Map(convs.map((record) => [record.conv, record]));
    const unstored = [...this.outbox.values()].filter((item) => item.n === Infinity);
    this.outbox = new Map([...unstored, ...outbox].map((item) => [item.cid, item]));
    this.setLists(lists);
    this.isLoaded = true;
    this.tell({ type: 'loaded' });
  }

  /** Calls `listener` with every event, until the result is called. */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  apply(event) {
    const { type } = event;
    if (type === 'status') this.status = event.status;
    if (type === 'lists') this.setLists(event);
    if (type === 'queued') this.outbox.set(event.item.cid, event.item);
    if (type === 'sent' || type === 'dropped') this.outbox.delete(event.cid);
    if (type === 'removed') this.convs.delete(event.conv);
    if (type === 'anew') this.convs.clear();
    if (type === 'typing') this.setTyping(event);
    if (type === 'presence' && this.friends.has(event.id)) this.friends.get(event.id).state = event.state;
    for (const record of event.records ?? []) this.convs.set(record.conv, record);
    if (event.incoming) for (const { conv, id } of event.list) if (this.typing.get(conv)?.id === id) this.setTyping({ conv });
    this.tell(event);
  }

  setTyping({ conv, id, name }) {
    clearTimeout(this.typing.get(conv)?.timer);
    this.typing.delete(conv);
    if (!id) return;
    const timer = setTimeout(() => this.apply({ type: 'typing', conv }), TYPING_MS);
    this.typing.set(conv, { id, name, timer });
  }

  tell(event) {
    for (const listener of this.listeners) listener(event);
  }

  setLists(lists) {
    for (const key of LISTS) if (lists[key]) this[key] = new Map(lists[key].map((entry) => [entry.id, entry]));
    this.isModern = lists.isModern ?? this.isModern;
    this.profile = lists.profile ?? this.profile;
    this.name = lists.name ?? this.name;
  }

  record(conv) {
    return this.convs.get(conv) ?? newRecord(conv);
  }

  nameOf(conv) {
    const id = idOf(conv);
    const known = isGroup(conv) ? this.groups.get(id)?.groupname : (this.friends.get(id) ?? this.requests.get(id))?.name;
    return known || this.convs.get(conv)?.name || this.hints.get(conv) || `#${id}`;
  }

  /** Messages of a conversation that the server has not stored, in the order in which they were said. */
  outgoing(conv) {
    return [...this.outbox.values()].filter((item) => item.conv === conv).sort((a, b) => a.n - b.n);
  }

  /** The conversations in which something was said: pinned ones, then the latest on top. */
  conversations() {
    const waiting = new Map();
    for (const item of this.outbox.values()) {
      const other = waiting.get(item.conv);
      if (!other || other.n < item.n) waiting.set(item.conv, item);
    }
    const keys = new Set([...this.convs.keys(), ...waiting.keys()]);
    const rows = [...keys].map((conv) => ({ conv, record: this.record(conv), waiting: waiting.get(conv) }));
    const timeOf = ({ record, waiting: item }) => item?.time ?? record.last?.time ?? '';
    const isPinned = ({ record }) => Boolean(record.pinned);
    return rows.filter(timeOf).sort((a, b) => isPinned(b) - isPinned(a) || timeOf(b).localeCompare(timeOf(a)));
  }

  /** Of all conversations that are not muted. */
  unreadTotal() {
    let total = 0;
    for (const { unread, muted } of this.convs.values()) if (!muted) total += unread;
    return total;
  }
}
