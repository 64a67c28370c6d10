// What the screens talk to. In one tab it has the session; the others talk to that tab.

import { account, drafts, journal, scopeOf, setAccount } from './account.js';
import { Disconnected, quietly, Refused } from './connection.js';
import { uuid } from './ids.js';
import { endOf, Model } from './model.js';
import { Session } from './session.js';
import { Store } from './store.js';
import { Tabs } from './tabs.js';

/** How long the tab with the connection may take for an answer. */
const CALL_MS = 40_000;
/** How long another tab that led for a moment, and took the connection over, may take to give it up. */
const CONTESTED_MS = 1000;
/** How long the other tabs may take to say that they are looked at. */
const WATCHED_MS = 1000;
/** Messages that are asked for at once. */
const PAGE = 60;
const HISTORY_PAGE = 100;

export class Client {
  constructor(account) {
    this.account = account;
    this.scope = scopeOf(account);
    this.model = new Model(account);
    this.drafts = drafts(this.scope);
    this.journal = journal(this.scope);
    this.calls = new Map();
    this.early = []; // events that come while the store is read, or null
    this.tabs = new Tabs(this.scope, {
      lead: () => this.lead(),
      follow: () => this.follow(),
      contested: () => setTimeout(() => this.session?.resume(), CONTESTED_MS),
      heard: (message) => this.heard(message),
    });
  }

  async start() {
    this.store = await Store.open(this.scope);
    await this.load();
    await this.adoptJournal();
    this.tabs.start();
    this.tabs.post({ k: 'who' });
  }

  /** Messages that a tab had taken from its user and could not put into the outbox before it ended. */
  async adoptJournal() {
    for (const cid of this.journal.keys()) await this.keep(JSON.parse(this.journal.get(cid)));
  }

  /** Reads the store. What happens meanwhile is newer than what is read. */
  async load() {
    this.early ??= [];
    const data = await this.store.load();
    this.model.load(data);
    const { early } = this;
    this.early = null;
    early.forEach((event) => this.take(event));
    return data.lists.epoch;
  }

  async lead() {
    const epoch = await this.load();
    if (!this.tabs.isLeader) return;
    const emit = (event) => this.publish(event);
    const { account, store, model } = this;
    this.session = new Session({ account, store, model, epoch, emit });
    this.session.start();
    // What was asked while nobody led, or of a tab that is gone, is asked again.
    this.tabs.post({ k: 'leads' });
    this.calls.forEach((call) => this.forward(call));
  }

  follow() {
    this.session?.stop();
    this.session = null;
    this.tabs.post({ k: 'who' });
  }

  heard(message) {
    const { k, id } = message;
    if (k === 'event') this.take(message.event);
    if (k === 'who' && this.session) this.publish({ type: 'status', status: this.model.status });
    if (k === 'leads') this.calls.forEach((call) => this.forward(call));
    if (k === 'call' && this.session) this.answer(message).then((answer) => this.tabs.post({ k: 'reply', id, ...answer }));
    if (k === 'reply') this.calls.get(id)?.done(message);
    if (k === 'watched?' && isWatched()) this.tabs.post({ k: 'watched' });
    if (k === 'watched') this.watchedElsewhere?.(true);
  }

  /** Takes another tab's event. */
  take(event) {
    if (this.early) {
      this.early.push(event);
      return;
    }
    this.model.apply(event);
    if (event.type === 'lists' && event.name) this.rename(event.name);
    if (event.type === 'queued') this.session?.outbox.queue(event.item);
    if (event.type === 'dropped') this.session?.outbox.drop(event.cid);
  }

  /** The account has another name. What is kept here stays under the first one. */
  rename(name) {
    const kept = account();
    if (kept?.id === this.account.id && kept.name !== name) setAccount({ ...kept, name, scope: kept.scope ?? kept.name });
  }

  publish(event) {
    this.tabs.post({ k: 'event', event });
    this.take(event);
  }

  /** Asks the session, here or in another tab. Fails with `Refused` or `Disconnected`. */
  async call(name, args = {}) {
    const message = { k: 'call', id: uuid(), name, args };
    const reply = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ lost: true }), CALL_MS);
      const done = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.calls.set(message.id, { message, done });
      this.forward(this.calls.get(message.id));
    });
    this.calls.delete(message.id);
    if (reply.refused) throw new Refused(reply.refused);
    if (reply.lost) throw new Disconnected();
    return reply.value;
  }

  async forward({ message, done }) {
    if (this.session) done(await this.answer(message));
    else this.tabs.post(message);
  }

  async answer({ name, args }) {
    try {
      return { value: await this.session.call(name, args) };
    } catch (error) {
      const { errno, wait, message: errmsg } = error;
      if (error instanceof Refused) return { refused: { errno, errmsg, wait } };
      if (!(error instanceof Disconnected)) console.error(error);
      return { lost: true };
    }
  }

  /** Says something. It is shown at once, and counts as said when it is in the journal: nothing here waits. */
  say(conv, msg, ext) {
    const item = { conv, msg, cid: uuid(), time: new Date().toISOString(), ...(ext && { ext }) };
    this.journal.set(item.cid, JSON.stringify(item));
    this.model.apply({ type: 'queued', item: { ...item, n: Infinity } });
    return this.keep(item);
  }

  async keep(item) {
    const stored = await this.store.addOutgoing(item);
    this.journal.set(item.cid, '');
    this.publish({ type: 'queued', item: stored });
  }

  /** Sends a message again that was refused. */
  async retry(cid) {
    this.publish({ type: 'queued', item: await this.store.requeue(this.model.outbox.get(cid)) });
  }

  async discard(cid) {
    await this.store.removeOutgoing(this.model.outbox.get(cid));
    this.publish({ type: 'dropped', cid });
  }

  /** Messages next to a place, or the last ones, from here or else from the server; ascending. Null: they cannot be had at the moment. */
  async page(conv, { before, after, limit = PAGE }) {
    const end = before ?? (after === undefined ? endOf(this.model.record(conv)) + 1 : undefined);
    const cached = await this.store.page(conv, { before: end, after, limit });
    if (cached.length || before === 1) return cached;
    if (this.model.status.state !== 'online') return null;
    try {
      return (await this.call('history', { conv, before, after, limit: HISTORY_PAGE })).list;
    } catch (error) {
      if (error instanceof Disconnected) return null;
      if (error instanceof Refused) return [];
      throw error;
    }
  }

  /** The message at a place, from here or else from the server. Null: there is none, or it cannot be had at the moment. */
  async message(conv, seq) {
    const known = await this.store.message(conv, seq);
    if (known) return known;
    const page = await quietly(this.call('history', { conv, before: seq + 1, limit: 1 }));
    return page?.list.find((message) => message.seq === seq) ?? null;
  }

  /** Messages around a place. Null: they cannot be had at the moment. */
  async around(conv, seq, context) {
    const after = Math.max(0, seq - context - 1);
    const page = await this.page(conv, { after });
    if (!page || page.some((message) => message.seq === seq)) return page;
    return (await quietly(this.call('history', { conv, after, limit: HISTORY_PAGE })))?.list ?? null;
  }

  /** Whether a tab of this account is being looked at. */
  async isLookedAt() {
    if (isWatched()) return true;
    return new Promise((resolve) => {
      this.watchedElsewhere = resolve;
      this.tabs.post({ k: 'watched?' });
      setTimeout(() => resolve(false), WATCHED_MS);
    });
  }

  /** Ends the session and removes everything of this account from this browser. */
  async logOut() {
    await this.call('logout').catch(() => {});
    await this.forgetAll();
  }

  /** Removes everything of this account from this browser. */
  async forgetAll() {
    this.session?.stop();
    this.tabs.stop();
    this.store.close();
    setAccount(null);
    this.drafts.clear();
    this.journal.clear();
    await Store.remove(this.scope);
  }
}

/** Whether the user looks at this tab. */
export const isWatched = () => document.visibilityState === 'visible' && document.hasFocus();
