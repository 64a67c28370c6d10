// Messages that were said and are not acknowledged yet. In each conversation one is on its way at a time, so that they are
// stored in the order in which they were said even when one of them has to be sent again.

import { Disconnected } from './connection.js';
import { latest } from './model.js';
import { chatLine, ERRNO } from './protocol.js';

/** The server stops reading beyond as many. */
const IN_FLIGHT_MAX = 64;
const AGAIN_MS_FIRST = 1000;
const AGAIN_MS_MAX = 15_000;

export class Outbox {
  /** `acknowledged(conv, seq)` is called when a message of our own is stored here and there. */
  constructor({ store, model, connection, emit, lane, acknowledged }) {
    Object.assign(this, { store, model, connection, emit, lane, acknowledged });
    this.lines = new Map(); // conversation -> items that wait, the oldest first
    this.inFlight = new Set(); // conversations
    this.held = new Map(); // conversation -> timer until which it waits after a 503
    this.again = new Map(); // conversation -> how long the next wait is
  }

  /** A message waits. One that waits already is not taken twice. */
  queue(item) {
    const isStored = Number.isFinite(item.n);
    if (item.failed || !isStored) return;
    const line = this.lines.get(item.conv) ?? [];
    if (line.some(({ cid }) => cid === item.cid)) return;
    line.push(item);
    line.sort((a, b) => a.n - b.n);
    this.lines.set(item.conv, line);
    this.pump();
  }

  drop(cid) {
    for (const line of this.lines.values()) {
      const index = line.findIndex((item) => item.cid === cid);
      if (index >= 0) line.splice(index, 1);
    }
  }

  /** The connection is gone. What was on its way goes again after the next login. */
  interrupt() {
    this.inFlight.clear();
    this.held.forEach(clearTimeout);
    this.held.clear();
  }

  /** Sends the first message of each conversation that waits for nothing. */
  pump() {
    if (!this.connection.isOnline()) return;
    for (const [conv, line] of this.lines) {
      if (this.inFlight.size >= IN_FLIGHT_MAX) return;
      if (line.length && !this.inFlight.has(conv) && !this.held.has(conv)) this.transmit(line[0]);
    }
  }

  async transmit(item) {
    this.inFlight.add(item.conv);
    try {
      const reply = await this.connection.ask(chatLine(item));
      await this.lane.add(() => this.settle(item, reply));
      this.inFlight.delete(item.conv);
      this.pump();
    } catch (error) {
      if (error instanceof Disconnected) return;
      console.error(error);
      this.connection.lose();
    }
  }

  settle(item, reply) {
    const { errno } = reply;
    if (errno === 0) return this.stored(item, reply);
    if (errno === ERRNO.NO_SESSION) return this.connection.lose();
    if (errno === ERRNO.UNAVAILABLE || errno === ERRNO.INTERNAL) return this.hold(item.conv);
    if (errno === ERRNO.TOO_SOON) return this.hold(item.conv, reply.wait * 1000);
    return this.fail(item, reply);
  }

  async stored(item, { seq, time }) {
    const { conv, cid, msg, ext } = item;
    const { me, name } = this.model;
    const message = { conv, seq, id: me, name, msg, time, cid, ...(ext && { ext }) };
    const record = this.model.record(conv);
    const changed = { ...record, last: latest(record.last, message) };
    await this.store.acknowledge(item, message, changed);
    this.drop(cid);
    this.again.delete(conv);
    this.emit({ type: 'sent', cid, list: [message], records: [changed] });
    this.acknowledged(conv, seq);
  }

  hold(conv, wait = this.again.get(conv) ?? AGAIN_MS_FIRST) {
    this.again.set(conv, Math.min(wait * 2, AGAIN_MS_MAX));
    const release = () => {
      this.held.delete(conv);
      this.pump();
    };
    this.held.set(conv, setTimeout(release, wait * (0.5 + Math.random() / 2)));
  }

  async fail(item, { errno, errmsg }) {
    const failed = { ...item, failed: { errno, errmsg } };
    await this.store.putOutgoing(failed);
    this.drop(item.cid);
    this.emit({ type: 'queued', item: failed });
  }
}
