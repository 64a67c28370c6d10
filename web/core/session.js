// The tab that holds the connection: what comes is stored and told to all tabs, what they ask for is asked of the server.

import { device } from './account.js';
import { Connection, Disconnected, quietly } from './connection.js';
import { Contacts } from './contacts.js';
import { Inbox, storedForm } from './inbox.js';
import { Lane } from './lane.js';
import { latest, newRecord } from './model.js';
import { Outbox } from './outbox.js';
import { addressOf, groupKey, idOf, isGroup, MSGID, socketUrl, userKey } from './protocol.js';

/** Messages that are stored in one step, at most. */
const BATCH_MAX = 200;
/** Friends' states are not pushed. */
const PRESENCE_MS = 60_000;
/** Conversations whose latest message a new device asks for, at most; the others show theirs when they are opened. */
const PREVIEWS_MAX = 300;

/** What any tab may ask the session for; each is a method of it or of its contacts. */
const OWN_CALLS = ['history', 'read', 'logout', 'resume', 'learnName'];
const CONTACT_CALLS =
  ['find', 'befriend', 'ask', 'answer', 'unfriend', 'create', 'join', 'quit', 'disband', 'members', 'refresh'];

export class Session {
  /** `epoch` is that of the last login, or undefined. `emit(event)` tells all tabs. */
  constructor({ account, store, model, epoch, emit }) {
    Object.assign(this, { account, store, model, epoch, emit });
    this.lane = new Lane();
    this.backlog = []; // pushes that are not taken yet
    this.life = 0; // grows whenever what was counted is forgotten
    this.connection = new Connection({
      url: socketUrl(),
      login: () => ({ msgid: MSGID.LOGIN, id: account.id, token: account.token, ack: true, device: device() }),
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
  }

  start() {
    for (const item of this.model.outbox.values()) this.outbox.queue(item);
    this.presence = setInterval(() => quietly(this.contacts.refresh()), PRESENCE_MS);
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
    if (OWN_CALLS.includes(name)) return this[name](args);
    if (CONTACT_CALLS.includes(name)) return this.contacts[name](args);
    throw new Error(`no such call: ${name}`);
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
    await this.contacts.welcome(reply);
    await this.inbox.take(reply.offlinemsg);
    this.outbox.pump();
    quietly(this.lookAround());
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
      const isChat = ({ msgid }) => msgid === MSGID.ONE_CHAT || msgid === MSGID.GROUP_CHAT;
      await this.inbox.take(lines.filter(isChat));
      for (const line of lines) {
        if (line.msgid === MSGID.NOTICE) await this.contacts.notice(line);
        if (line.msgid === MSGID.FRIEND_REQUEST) await this.contacts.asked(line);
      }
      backlog.splice(0, lines.length);
    }
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
    const record = this.model.record(conv);
    // Asked once, and not at every login.
    if (!list.length) return this.keepRecord({ ...record, isBlank: true });
    const changed = { ...record, last: list.reduce(latest, record.last) };
    const other = list.find(({ id }) => id !== this.model.me);
    if (!isGroup(conv) && other) changed.name = other.name;
    await this.store.putMessages(list, [changed]);
    return this.emit({ type: 'messages', list, records: [changed] });
  }

  /** The user has read up to `seq`. */
  read({ conv, seq }) {
    return this.lane.add(async () => {
      const record = this.model.record(conv);
      if (seq <= record.read) return;
      const unread = record.unread && (await this.store.countUnread(conv, seq, this.model.me));
      await this.keepRecord({ ...record, read: seq, unread });
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

function unlessRefused(error) {
  if (error instanceof Disconnected) throw error;
}
