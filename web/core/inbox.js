// Messages that the server pushes: stored, then confirmed; each once. These are the habits 2, 3 and 6 of "A client that
// never loses a message" in docs/protocol.md. Its steps run in the session's lane.

import { Disconnected } from './connection.js';
import { changedByPushes, isMessage, storedForm } from './messages.js';
import { furthest, latest, withChanges } from './model.js';
import { addressOf, ERRNO, isGroup, keyOf, MSGID } from './protocol.js';

export class Inbox {
  /** `startAnew()` forgets what was counted, in all conversations. */
  constructor({ store, model, connection, emit, startAnew }) {
    Object.assign(this, { store, model, connection, emit, startAnew });
    this.begin();
  }

  /** A session begins. */
  begin() {
    this.compared = new Set(); // conversations whose highest message is the one that the server has
    this.through = new Map(); // conversation -> place up to which pushes and acks have come without a hole
  }

  /** Takes pushes of messages and events, in their order. */
  async take(pushes) {
    const fresh = new Map(); // conversation -> its new messages
    for (const push of pushes) {
      const conv = keyOf(push, this.model.me);
      const top = fresh.get(conv)?.at(-1) ?? this.model.record(conv).top;
      if (top && push.seq <= top.seq && (await this.hasHad(conv, top))) continue;
      if (!fresh.has(conv)) fresh.set(conv, []);
      fresh.get(conv).push(storedForm(conv, push));
    }
    await this.keep(fresh);
  }

  async keep(fresh) {
    if (fresh.size === 0) return;
    const list = [...fresh.values()].flat();
    const changed = await changedByPushes(this.store, list, this.model.me);
    const records = [...fresh].map(([conv, messages]) => withChanges(this.counted(conv, messages), changed));
    await this.store.putMessages([...list, ...changed], records);
    this.emit({ type: 'messages', list, records, incoming: true });
    if (changed.length) this.emit({ type: 'changed', list: changed, records: [] });
    for (const { conv, top } of records) this.confirm(conv, top.seq);
  }

  /** The conversation's record after these pushes. */
  counted(conv, messages) {
    const record = this.model.record(conv);
    const { seq, id, time } = messages.at(-1);
    // What is older than the first push is old: it was there before this device was.
    let read = record.top || record.read ? record.read : messages[0].seq - 1;
    let { unread, peer } = record;
    for (const message of messages.filter(isMessage)) {
      // Who writes has read: the user elsewhere, or the other one.
      if (message.id === this.model.me) [read, unread] = [Math.max(read, message.seq), 0];
      else {
        if (message.seq > read) unread += 1;
        if (!isGroup(conv)) peer = furthest(peer, { delivered: message.seq, read: message.seq });
      }
    }
    const other = messages.findLast((message) => message.id !== this.model.me);
    return {
      ...record,
      name: (!isGroup(conv) && other?.name) || record.name,
      top: { seq, id, time },
      read,
      last: messages.reduce(latest, record.last),
      unread,
      ...(peer && { peer }),
    };
  }

  /**
   * Whether a push that is not above `top` has come before. It has, if the server has at that place the message that we
   * counted there; otherwise its data went back. One question for each conversation and session is enough.
   */
  async hasHad(conv, top) {
    if (!this.compared.has(conv)) {
      const request = { msgid: MSGID.HISTORY, ...addressOf(conv), before: top.seq + 1, limit: 1 };
      const { errno, messages, floor } = await this.connection.ask(request);
      if (errno === ERRNO.UNAVAILABLE || errno === ERRNO.INTERNAL) {
        // Nothing may be counted or confirmed before we know; the next login brings the push again.
        this.connection.lose();
        throw new Disconnected();
      }
      const there = messages?.[0];
      const isSame = floor > top.seq || there?.seq === top.seq && (!top.time || (there.id === top.id && there.time === top.time));
      if (errno === 0 && !isSame) {
        await this.startAnew();
        return false;
      }
      this.compared.add(conv);
    }
    this.confirm(conv, top.seq);
    return true;
  }

  /** A message of our own was acknowledged. It is confirmed only if nothing before it can be missing. */
  acknowledged(conv, seq) {
    const through = this.through.get(conv) ?? this.model.record(conv).top?.seq ?? 0;
    if (seq === through + 1) this.confirm(conv, seq);
  }

  /** Whether something was confirmed there in this session. */
  hasHeard(conv) {
    return this.through.has(conv);
  }

  confirm(conv, seq) {
    this.through.set(conv, Math.max(seq, this.through.get(conv) ?? 0));
    this.connection.tell({ msgid: MSGID.DELIVERED, ...addressOf(conv), seq });
  }
}
