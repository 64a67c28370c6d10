// The tab that holds the connection: what comes is stored and told to all tabs, what they ask for is asked of the server.

import { device } from './account.js';
import { Connection, Disconnected, quietly } from './connection.js';
import { Contacts } from './contacts.js';
import { Conversations } from './conversations.js';
import { Groups } from './groups.js';
import { uuid } from './ids.js';
import { Inbox } from './inbox.js';
import { Lane } from './lane.js';
import { changedByPage, changedByPushes, hasPlace, storedForm } from './messages.js';
import { endOf, latest, newRecord, withChanges } from './model.js';
import { Outbox } from './outbox.js';
import { Owner } from './owner.js';
import { addressOf, groupKey, idOf, isGroup, MSGID, socketUrl, userKey } from './protocol.js';

/** Messages that are stored in one step, at most. */
const BATCH_MAX = 200;
/** Older servers do not push friends' states. */
const PRESENCE_MS = 60_000;
/** Conversations whose latest message a new device asks an older server for, at most; the others show theirs when they are opened. */
const PREVIEWS_MAX = 300;
/** What only those are told who want it. */
const WANTED = ['presence', 'receipts', 'typing', 'events'];

/** What any tab may ask the session for; each is a method of it or of a part of it. */
const CALLS = {
  session: ['history', 'edit', 'recall', 'react', 'logout', 'resume', 'learnName'],
  contacts: ['find', 'befriend', 'ask', 'answer', 'unfriend', 'create', 'join', 'quit', 'disband', 'members', 'refresh'],
  conversations: ['read', 'receipts', 'set', 'type', 'search'],
  groups: ['setGroup', 'setRole', 'kick', 'bans', 'silence', 'invite', 'wishes', 'answerWish', 'answerInvitation'],
  owner: ['profile', 'setProfile', 'setPassword', 'sessions', 'endSession', 'erase', 'block', 'asked', 'withdraw'],
};
const PART_OF = new Map(Object.entries(CALLS).flatMap(([part, calls]) => calls.map((call) => [call, part])));

export class Session {
  /** `epoch` is that of the last login, or undefined. `emit(event)` tells all tabs. */
  constructor({ account, store, model, epoch, emit }) {
    Object.assign(this, { account, store, model, epoch, emit });
    this.lane = new Lane();
    this.backlog = []; // pushes that are not taken yet
    this.life = 0; // grows whenever what was counted is forgotten
    this.connection = new Connection({
      url: socketUrl(),
      login: () => ({
        msgid: MSGID.LOGIN, id: account.id, token: account.token, ack: true, device: device(), want: WANTED, catch_up: 'list',
      }),
      hooks: {
        changed: (status) => emit({ type: 'status', status }),
        welcomed: (reply) => this.step(() => this.welcome(reply)),
        pushed: (line) => this.pushed(line),
        lost: () => this.interrupt(),
      },
    });
    const shared = { store, model, emit, connection: this.connection };
    this.inbox = new Inbox({ ...shared, startAnew: () => this.startAnew() });
    const acknowledged = (conv, seq) => this.inbox.acknowledged(conv, seq);
    this.outbox = new Outbox({ ...shared, lane: this.lane, acknowledged });
    this.contacts = new Contacts({ ...shared, forget: (conv) => this.forget(conv) });
    const { lane, inbox, contacts } = this;
    this.conversations = new Conversations({ ...shared, lane, inbox, startAnew: () => this.startAnew() });
    this.groups = new Groups({ ...shared, contacts });
    this.owner = new Owner({ ...shared, contacts });
    this.session = this;
  }

  start() {
    for (const item of this.model.outbox.values()) this.outbox.queue(item);
    this.presence = setInterval(() => this.model.isModern || quietly(this.contacts.refresh()), PRESENCE_MS);
    this.connection.start();
  }

  stop() {
    clearInterval(this.presence);
    // How the connection is, another tab says from now on.
    this.connection.hooks.changed = () => {};
    this.connection.stop();
  }

  /** Answers another tab, or this one. */
  call(name, args) {
    if (!PART_OF.has(name)) throw new Error(`no such call: ${name}`);
    return this[PART_OF.get(name)][name](args);
  }

  /** Runs in the lane. What fails here is pushed again after the next login. */
  async step(step) {
    try {
      await quietly(this.lane.add(step));
    } catch (error) {
      console.error(error);
      this.emit({ type: 'notice', kind: 'storage' });
      this.connection.lose();
    }
  }

  async welcome(reply) {
    if (this.epoch !== undefined && this.epoch !== reply.epoch) await this.startAnew(reply.epoch);
    this.epoch = reply.epoch;
    await this.store.putLists({ epoch: reply.epoch });
    this.inbox.begin();
    const isModern = Array.isArray(reply.conversations);
    await this.contacts.change({ isModern, name: reply.name, ...(reply.ext && { profile: reply.ext }) });
    await this.contacts.welcome(reply);
    if (isModern) await this.conversations.welcome(reply);
    else await this.inbox.take(reply.offlinemsg);
    this.outbox.pump();
    quietly(isModern ? this.complete(reply) : this.lookAround());
  }

  /** What the login reply has no room for. */
  async complete(reply) {
    await quietly(this.owner.refreshBlocked());
    await this.conversations.complete(reply);
  }

  pushed(line) {
    this.backlog.push(line);
    if (this.backlog.length === 1) this.step(() => this.drain());
  }

  async drain() {
    const { backlog } = this;
    // A connection that is lost meanwhile begins another backlog.
    while (backlog.length && backlog === this.backlog) {
      const lines = backlog.slice(0, BATCH_MAX);
      await this.inbox.take(lines.filter(hasPlace));
      for (const line of lines) await this.hear(line);
      backlog.splice(0, lines.length);
    }
  }

  /** Takes a push that has no place in a conversation. */
  hear(line) {
    const { contacts, conversations } = this;
    if (line.msgid === MSGID.NOTICE) return line.kind === 'conversation_set' ? conversations.isSet(line) : contacts.notice(line);
    if (line.msgid === MSGID.FRIEND_REQUEST) return contacts.asked(line);
    if (line.msgid === MSGID.GROUP_INVITE) return contacts.invited(line);
    if (line.msgid === MSGID.RECEIPT) return conversations.receipt(line);
    if (line.msgid === MSGID.TYPING) return conversations.typed(line);
    return undefined;
  }

  /** What was pushed and not confirmed comes again at the next login. */
  interrupt() {
    this.backlog = [];
    this.outbox?.interrupt();
  }

  /** The server's data went back: forgets messages and counts. The outbox stays. */
  async startAnew(epoch = this.epoch) {
    this.life += 1;
    const records = [...this.model.convs.values()].map(({ conv, name }) => ({ ...newRecord(conv), name }));
    await this.store.startAnew(records, epoch);
    this.inbox.begin();
    this.emit({ type: 'anew', records });
    this.emit({ type: 'notice', kind: 'restored' });
  }

  /** Asks for the latest message of every conversation that has none here: on a new device, and after a restore. */
  async lookAround() {
    const { model } = this;
    const known = [...[...model.friends.keys()].map(userKey), ...[...model.groups.keys()].map(groupKey), ...model.convs.keys()];
    const isUnknown = (conv) => !model.record(conv).last && !model.record(conv).isBlank;
    const blank = [...new Set(known)].filter(isUnknown);
    for (const conv of blank.slice(0, PREVIEWS_MAX)) {
      if (isUnknown(conv)) await this.history({ conv, limit: 1 }).catch(unlessRefused);
    }
    for (const conv of model.convs.keys()) await this.learnName({ conv });
  }

  /** A message that the user sent elsewhere does not say its addressee's name. */
  async learnName({ conv }) {
    if (isGroup(conv) || !this.model.nameOf(conv).startsWith('#')) return;
    const { users } = await this.contacts.find({ keyword: String(idOf(conv)) });
    const user = users.find(({ id }) => id === idOf(conv));
    if (user) await this.lane.add(() => this.keepRecord({ ...this.model.record(conv), name: user.name }));
  }

  async keepRecord(record) {
    await this.store.putConv(record);
    this.emit({ type: 'messages', list: [], records: [record] });
  }

  /** A page of a conversation, stored here as well. */
  async history({ conv, before, after, limit }) {
    const { life } = this;
    const request = { msgid: MSGID.HISTORY, ...addressOf(conv), before, after, limit };
    const { messages, more } = await this.connection.demand(request);
    const list = messages.map((message) => storedForm(conv, message));
    const isLatest = before === undefined && after === undefined;
    if (list.length || isLatest) await this.lane.add(() => life === this.life && this.keepPage(conv, list));
    return { list, more };
  }

  async keepPage(conv, list) {
    // Asked once, and not at every login.
    if (!list.length) return this.keepRecord({ ...this.model.record(conv), isBlank: true });
    const there = await this.store.between(conv, list[0].seq, list.at(-1).seq);
    if (differ(there, list)) await this.startAnew();
    const record = this.model.record(conv);
    const { changed, forgotten } = await changedByPage(this.store, list, this.model.me);
    const upto = Math.max(endOf(record), list.at(-1).seq);
    for (const message of list) if (!message.kind) message.upto = upto;
    const kept = withChanges({ ...record, last: list.reduce(latest, record.last), end: upto }, changed);
    const other = list.findLast(({ id }) => id !== this.model.me);
    if (!isGroup(conv) && other?.name) kept.name = other.name;
    await this.store.putMessages([...list, ...changed], [kept]);
    await this.store.removeMessages(forgotten);
    if (forgotten.length) this.emit({ type: 'forgotten', list: forgotten });
    this.emit({ type: 'messages', list, records: [kept] });
    if (changed.length) this.emit({ type: 'changed', list: changed, records: [] });
    return undefined;
  }

  // Changing what was said. The user's own events are not pushed back to this session.

  edit({ conv, of, msg, ext }) {
    return this.change(conv, { kind: 'edit', of, msg, ext });
  }

  recall({ conv, of }) {
    return this.change(conv, { kind: 'recall', of });
  }

  react({ conv, of, reaction, on }) {
    return this.change(conv, { kind: 'react', of, reaction, on });
  }

  /** Has the server store an event, and then keeps it. Without a `seq` in the reply nothing has changed there. */
  async change(conv, { kind, ...event }) {
    const msgid = { edit: MSGID.EDIT, recall: MSGID.RECALL, react: MSGID.REACT }[kind];
    const { seq, time } = await this.connection.demand({ msgid, ...addressOf(conv), ...event, cid: uuid() });
    if (!seq) return;
    const { me, name } = this.model;
    await this.lane.add(async () => {
      const row = storedForm(conv, { msgid, ...event, seq, time, id: me, name });
      const changed = await changedByPushes(this.store, [row], me);
      const record = this.model.record(conv);
      const kept = withChanges({ ...record, end: Math.max(endOf(record), seq) }, changed);
      await this.store.putMessages([row, ...changed], [kept]);
      this.emit({ type: 'changed', list: [row, ...changed], records: [kept] });
      this.inbox.acknowledged(conv, seq);
    });
  }

  async forget(conv) {
    await this.store.removeConv(conv);
    this.emit({ type: 'removed', conv });
  }

  /** Ends the session at the server, so that the token is worth nothing any more. */
  async logout() {
    await quietly(this.connection.ask({ msgid: MSGID.LOGOUT }, 3000));
    this.stop();
  }

  async resume() {
    this.connection.resume();
  }
}

/** Whether the server has other messages at these places than we have seen: its data went back. */
function differ(there, list) {
  const known = new Map(there.map((message) => [message.seq, message]));
  return list.some(({ seq, id, time }) => known.has(seq) && (known.get(seq).id !== id || known.get(seq).time !== time));
}

function unlessRefused(error) {
  if (error instanceof Disconnected) throw error;
}
