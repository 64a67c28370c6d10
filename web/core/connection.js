// One connection that comes back by itself: WebSocket, login by token, requests and their replies.
//
//   connecting --login--> online --lost--> waiting (grows from 1 s to 30 s) --> connecting
//   stopped: another tab or device took over, the token is not valid, or nobody wants it any more

import { ERRNO, MSGID } from './protocol.js';

/** Waits are random, from half of it on: many clients may have lost the server at once. */
const WAIT_MS_FIRST = 1000;
const WAIT_MS_MAX = 30_000;
/** Without a reply the connection is taken for dead. */
const REPLY_MS = 30_000;
/** Browsers do not tell when a network has gone away silently. So we ask after some silence. */
const SILENCE_MS = 30_000;
const PROBE_MS = 8000;

/** The server's refusal: `errno`, `errmsg` and perhaps `wait`, in seconds. */
export class Refused extends Error {
  constructor({ errno, errmsg, wait }) {
    super(errmsg);
    Object.assign(this, { errno, wait });
  }
}

/** There is no connection, or it broke before the reply came. */
export class Disconnected extends Error {}

/** Waits for what nobody has asked for: a lost connection and a refusal are no faults then. */
export async function quietly(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Disconnected || error instanceof Refused) return undefined;
    throw error;
  }
}

export class Connection {
  /**
   * `login` gives the LOGIN request. Hooks: `changed({state, until, reason})`, `welcomed(reply)`, `pushed(line)`, `lost()`.
   */
  constructor({ url, login, hooks }) {
    Object.assign(this, { url, login, hooks });
    this.wait = WAIT_MS_FIRST;
    this.asked = new Map(); // tag -> {resolve, reject, timer}
    this.tag = 0;
    this.status = { state: 'stopped' };
    this.onOnline = () => this.restart();
    this.onOffline = () => this.probe();
    this.onVisible = () => document.visibilityState === 'visible' && this.hurry();
  }

  start() {
    addEventListener('online', this.onOnline);
    addEventListener('offline', this.onOffline);
    document.addEventListener('visibilitychange', this.onVisible);
    this.open();
  }

  /** Ends it for good, or until `hurry`. */
  stop(reason) {
    this.end({ state: 'stopped', reason });
    removeEventListener('online', this.onOnline);
    removeEventListener('offline', this.onOffline);
    document.removeEventListener('visibilitychange', this.onVisible);
  }

  /** Connects at once if it waits; asks whether the server is there if it is online. */
  hurry() {
    if (this.status.state === 'online') this.probe();
    if (this.status.state === 'waiting') this.open();
  }

  /** The network is back: an attempt that began without it may hang. */
  restart() {
    if (this.status.state === 'connecting') this.end({ state: 'waiting', until: Date.now() });
    this.hurry();
  }

  /** Takes a stopped connection up again. */
  resume() {
    if (this.status.state === 'stopped') this.start();
    else this.hurry();
  }

  isOnline() {
    return this.status.state === 'online';
  }

  /** Sends a request; its reply, whatever errno it has. */
  ask(request, patience = REPLY_MS) {
    if (!this.isOnline() && request.msgid !== MSGID.LOGIN) return Promise.reject(new Disconnected());
    return new Promise((resolve, reject) => {
      const tag = ++this.tag;
      const timer = setTimeout(() => this.lose(), patience);
      this.asked.set(tag, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ ...request, tag }));
    });
  }

  /** Sends a request; its reply, if it succeeded. */
  async demand(request) {
    const reply = await this.ask(request);
    if (reply.errno !== 0) throw new Refused(reply);
    return reply;
  }

  /** Sends a line that has no reply. */
  tell(line) {
    if (this.isOnline()) this.socket.send(JSON.stringify(line));
  }

  open() {
    clearTimeout(this.timer);
    this.change({ state: 'connecting' });
    const socket = new WebSocket(this.url);
    this.socket = socket;
    // A network that swallows everything lets a browser try for minutes.
    this.timer = setTimeout(() => this.lose(), REPLY_MS);
    const current = (handle) => (event) => this.socket === socket && handle(event);
    socket.onopen = current(() => this.enter());
    socket.onmessage = current((event) => this.take(JSON.parse(event.data)));
    socket.onclose = current(() => this.lose());
  }

  async enter() {
    clearTimeout(this.timer);
    try {
      const reply = await this.ask(this.login());
      if (reply.errno === 0) this.welcome(reply);
      else this.refuse(reply);
    } catch (error) {
      if (!(error instanceof Disconnected)) throw error;
    }
  }

  welcome(reply) {
    this.wait = WAIT_MS_FIRST;
    this.change({ state: 'online' });
    this.listen();
    this.hooks.welcomed(reply);
  }

  refuse({ errno, wait }) {
    if (errno === ERRNO.CREDENTIALS) this.stop('expired');
    else if (errno === ERRNO.ONLINE_ALREADY) this.stop('elsewhere');
    else this.lose(wait && wait * 1000);
  }

  take(line) {
    if (this.isOnline()) this.listen();
    if ('errno' in line) this.answer(line);
    else if (line.msgid === MSGID.PING) this.tell({ msgid: MSGID.PONG });
    else if (line.msgid === MSGID.NOTICE && line.kind === 'replaced') this.stop('elsewhere');
    else this.hooks.pushed(line);
  }

  /** An ERROR that answers nothing of ours comes before a close; it may say how long to stay away. */
  answer(reply) {
    const asked = this.asked.get(reply.tag);
    if (!asked) {
      if (reply.wait) this.wait = Math.max(this.wait, 2000 * reply.wait);
      return;
    }
    this.asked.delete(reply.tag);
    clearTimeout(asked.timer);
    asked.resolve(reply);
  }

  /** Something was heard: the connection lives. */
  listen() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.probe(), SILENCE_MS);
  }

  probe() {
    if (this.isOnline()) this.ask({ msgid: MSGID.PING }, PROBE_MS).catch(() => {});
  }

  /** The connection is gone, or never came; the next attempt follows after a wait. */
  lose(wait = this.wait * (0.5 + Math.random() / 2)) {
    this.wait = Math.min(this.wait * 2, WAIT_MS_MAX);
    this.end({ state: 'waiting', until: Date.now() + wait });
    this.timer = setTimeout(() => this.open(), wait);
  }

  end(status) {
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = null;
    socket?.close();
    for (const { reject, timer } of this.asked.values()) {
      clearTimeout(timer);
      reject(new Disconnected());
    }
    this.asked.clear();
    this.hooks.lost();
    this.change(status);
  }

  change(status) {
    this.status = status;
    this.hooks.changed(status);
  }
}
