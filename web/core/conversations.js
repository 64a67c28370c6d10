// The server's list of conversations, and what is counted in them: unread messages, how far the others are, who is typing.
// Its steps run in the session's lane.

import { storedForm } from './messages.js';
import { endOf, furthest, latest, UNREAD_MAX } from './model.js';
import { addressOf, groupKey, isGroup, keyOf, MSGID, userKey } from './protocol.js';

const PAGE = 200;
/** The server passes no more on. */
const TYPING_MS = 3000;

const keyOfEntry = ({ id, groupid }) => (groupid === undefined ? userKey(id) : groupKey(groupid));

export class Conversations {
  /** `inbox` knows what was pushed in this session; `startAnew()` forgets what was counted, in all conversations. */
  constructor({ store, model, connection, emit, lane, inbox, startAnew }) {
    Object.assign(this, { store, model, connection, emit, lane, inbox, startAnew });
    this.isComplete = false; // all pages were read once
    this.typedAt = new Map(); // conversation -> when the others were told that the user writes there
  }

  /** Takes the first page, which stands in the login reply. */
  welcome({ conversations }) {
    return this.take(conversations);
  }

  /** Asks for the other pages; once all of them are known, until one has nothing new. */
  async complete({ more, next: after }) {
    for (let page = { more, next: after }; page.more;) {
      page = await this.connection.demand({ msgid: MSGID.CONVERSATIONS, limit: PAGE, after: page.next });
      if (this.isComplete && page.conversations.every((entry) => this.isKnown(entry))) return;
      const { conversations } = page;
      await this.lane.add(() => this.take(conversations));
    }
    this.isComplete = true;
  }

  isKnown(entry) {
    const record = this.model.record(keyOfEntry(entry));
    return record.top?.seq === entry.last_seq && record.read >= entry.read && record.muted === entry.muted && record.pinned === entry.pinned;
  }

  async take(entries) {
    if (entries.some((entry) => this.wentBack(entry))) await this.startAnew();
    const news = [];
    const records = [];
    for (const entry of entries) {
      const conv = keyOfEntry(entry);
      const before = this.model.record(conv);
      const record = await this.merged(conv, before, entry);
      const last = entry.last && { ...storedForm(conv, entry.last), upto: entry.last_seq };
      if (last?.seq > endOf(before) || (last && last.seq === before.last?.seq)) news.push(last);
      records.push(record);
    }
    await this.store.putMessages(news, records);
    this.emit({ type: 'messages', list: news, records, isNews: true });
    for (const entry of entries) this.confirm(entry);
  }

  /** What was seen here is not there any more, or is something else. */
  wentBack({ last_seq: lastSeq, last, ...entry }) {
    const conv = keyOfEntry(entry);
    const { top } = this.model.record(conv);
    if (!top || this.inbox.hasHeard(conv)) return false;
    return lastSeq < top.seq || (Boolean(top.time) && last?.seq === top.seq && (last.id !== top.id || last.time !== top.time));
  }

  /** A conversation's record with what the server says of it. Pushes that came meanwhile are newer. */
  async merged(conv, record, entry) {
    const { last_seq: lastSeq, last, read, unread, muted, pinned, peer_delivered: delivered, peer_read: peerRead, erased } = entry;
    const isNewer = lastSeq > (record.top?.seq ?? 0);
    const isLastTop = last?.seq === lastSeq;
    const merged = {
      ...record,
      name: erased ? '' : (entry.name ?? entry.groupname) || record.name,
      end: Math.max(endOf(record), lastSeq),
      top: isNewer ? { seq: lastSeq, ...(isLastTop && { id: last.id, time: last.time }) } : record.top,
      last: last ? latest(record.last, { ...storedForm(conv, last) }) : record.last,
      read: Math.max(record.read, read),
      muted, pinned,
    };
    if (erased) {
      // What it said is recalled at the server; no event tells of that.
      if (!record.isErased) await this.store.removeConv(conv);
      merged.isErased = true;
    }
    if (!isGroup(conv)) merged.peer = furthest(record.peer, { delivered, read: peerRead });
    if (record.read > read) {
      // Read while there was no connection, or before the server counted.
      this.connection.tell({ msgid: MSGID.READ, ...addressOf(conv), seq: Math.min(record.read, lastSeq) });
      merged.unread = await this.unreadAbove({ ...merged, unread: Math.min(unread, record.unread || unread) });
    } else {
      const live = isNewer ? [] : await this.store.between(conv, lastSeq + 1, merged.end);
      merged.unread = Math.min(UNREAD_MAX, unread + this.countOthers(live));
    }
    return merged;
  }

  countOthers(rows) {
    return rows.filter(({ id, kind }) => id !== this.model.me && !kind).length;
  }

  /** How many messages of others lie above the record's `read`: exactly, if all of them are here. */
  async unreadAbove(record) {
    const { conv, read, unread } = record;
    const end = endOf(record);
    if (!unread || read >= end) return 0;
    const rows = await this.store.between(conv, read + 1, end);
    return rows.length === end - read ? Math.min(UNREAD_MAX, this.countOthers(rows)) : Math.min(unread, end - read);
  }

  /** What the list has told has arrived. */
  confirm({ last_seq: lastSeq, unread, ...entry }) {
    const conv = keyOfEntry(entry);
    if (unread && !this.inbox.hasHeard(conv)) this.inbox.confirm(conv, lastSeq);
  }

  // Reading

  /** The user has read up to `seq`. */
  read({ conv, seq }) {
    return this.lane.add(async () => {
      if (this.model.record(conv).read >= seq) return;
      if (this.model.isModern) this.connection.tell({ msgid: MSGID.READ, ...addressOf(conv), seq });
      await this.keepRead(conv, seq);
    });
  }

  async keepRead(conv, seq) {
    const record = { ...this.model.record(conv), read: seq };
    await this.keep({ ...record, unread: await this.unreadAbove(record) });
  }

  async keep(record) {
    await this.store.putConv(record);
    this.emit({ type: 'changed', list: [], records: [record] });
  }

  /** A RECEIPT: the other one is further, or the user has read elsewhere. */
  async receipt(push) {
    const { me } = this.model;
    const conv = keyOf(push, me);
    const record = this.model.record(conv);
    if (push.id !== me) {
      if (!isGroup(conv)) await this.keep({ ...record, peer: furthest(record.peer, push) });
    } else if (push.read > record.read) await this.keepRead(conv, push.read);
  }

  /** How far each of a conversation is, the first ones by id. */
  async receipts({ conv }) {
    const { receipts } = await this.connection.demand({ msgid: MSGID.RECEIPTS, ...addressOf(conv), limit: PAGE });
    return receipts;
  }

  /** Mutes or pins a conversation, for this user. */
  async set({ conv, ...flags }) {
    await this.connection.demand({ msgid: MSGID.CONVERSATION_SET, ...addressOf(conv), ...flags });
    await this.lane.add(() => this.keep({ ...this.model.record(conv), ...flags }));
  }

  /** The same, done elsewhere. */
  async isSet({ id, groupid, muted, pinned }) {
    const record = this.model.record(keyOfEntry({ id, groupid }));
    await this.keep({ ...record, muted: muted ?? record.muted, pinned: pinned ?? record.pinned });
  }

  // Typing

  /** The user writes. */
  async type({ conv }) {
    const now = Date.now();
    if (!this.model.isModern || now - (this.typedAt.get(conv) ?? 0) < TYPING_MS) return;
    this.typedAt.set(conv, now);
    this.connection.tell({ msgid: MSGID.TYPING, ...addressOf(conv) });
  }

  typed({ id, name, groupid }) {
    if (id !== this.model.me) this.emit({ type: 'typing', conv: keyOfEntry({ id, groupid }), id, name });
  }

  // Searching

  /** Some messages with this word in all conversations or in one, and where to go on. */
  async search({ keyword, conv, after }) {
    const request = { msgid: MSGID.SEARCH, keyword, ...(conv && addressOf(conv)), after };
    const { messages, more, next } = await this.connection.demand(request);
    const { me } = this.model;
    return { messages: messages.map((push) => storedForm(keyOf(push, me), push)), next: more ? next : undefined };
  }
}

