// What every tab knows of the account. It changes by events only, which the tab with the connection makes after they are
// stored. An event says how things are, not by how much they changed: applied twice, it does no harm.
//
//   {type: 'status', status}                     the connection
//   {type: 'lists', friends?, groups?, requests?}
//   {type: 'messages', list, records, incoming}  messages, with their conversations
//   {type: 'queued', item}                       a message of the outbox: new, or failed
//   {type: 'sent', cid, list, records}           it is stored at the server
//   {type: 'dropped', cid}                       it was deleted
//   {type: 'removed', conv}                      a conversation is gone
//   {type: 'anew', records}                      messages and counts are forgotten
//   {type: 'notice', kind, ...}                  something to tell the user
//   {type: 'loaded'}                             all may have changed
//
// A conversation's record:
//   conv, name
//   top     {seq, id, time} of the highest push, or null    (habit 3 and 6 of docs/protocol.md)
//   read    the place up to which the user has read
//   unread  how many messages of others lie above it
//   last    {seq, id, name, msg, time}, the latest one, shortened; null for none
//   isBlank the server has nothing in it either

import { idOf, isGroup } from './protocol.js';

const PREVIEW_CHARS = 160;

export const newRecord = (conv) => ({ conv, name: '', top: null, read: 0, unread: 0, last: null });

/** The record's `last` after this message. */
export function latest(last, message) {
  if (last && last.seq > message.seq) return last;
  const { seq, id, name, msg, time } = message;
  return { seq, id, name, msg: msg.slice(0, PREVIEW_CHARS), time };
}

export class Model {
  constructor(account) {
    this.me = account.id;
    this.name = account.name;
    this.status = { state: 'connecting' };
    this.convs = new Map();
    this.outbox = new Map();
    this.friends = new Map();
    this.groups = new Map();
    this.requests = new Map();
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
    for (const record of event.records ?? []) this.convs.set(record.conv, record);
    this.tell(event);
  }

  tell(event) {
    for (const listener of this.listeners) listener(event);
  }

  setLists({ friends, groups, requests }) {
    const byId = (list) => new Map(list.map((entry) => [entry.id, entry]));
    if (friends) this.friends = byId(friends);
    if (groups) this.groups = byId(groups);
    if (requests) this.requests = byId(requests);
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

  /** The conversations in which something was said, the latest on top. */
  conversations() {
    const waiting = new Map();
    for (const item of this.outbox.values()) {
      const other = waiting.get(item.conv);
      if (!other || other.n < item.n) waiting.set(item.conv, item);
    }
    const keys = new Set([...this.convs.keys(), ...waiting.keys()]);
    const rows = [...keys].map((conv) => ({ conv, record: this.record(conv), waiting: waiting.get(conv) }));
    const timeOf = ({ record, waiting: item }) => item?.time ?? record.last?.time ?? '';
    return rows.filter(timeOf).sort((a, b) => timeOf(b).localeCompare(timeOf(a)));
  }

  unreadTotal() {
    let total = 0;
    for (const { unread } of this.convs.values()) total += unread;
    return total;
  }
}
