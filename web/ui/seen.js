// How many have read the user's last message in a group. The server tells that of two people only; in groups it is asked for
// when something happens there, and then less and less often.

import { quietly } from '../core/connection.js';
import { isWatched } from '../core/client.js';
import { isGroup } from '../core/protocol.js';

const FIRST_MS = 1000;
const LAST_MS = 60_000;

export class Seen {
  /** `changed()` is called when there is something new to show. */
  constructor(client, conv, changed) {
    Object.assign(this, { client, conv, changed });
    this.receipts = [];
  }

  /** Something has happened: asks soon. */
  hurry() {
    if (!isGroup(this.conv) || !this.client.model.isModern) return;
    this.wait = FIRST_MS;
    this.schedule();
  }

  schedule() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), this.wait);
  }

  async ask() {
    if (isWatched()) {
      const receipts = await quietly(this.client.call('receipts', { conv: this.conv }));
      if (this.isStopped) return;
      this.receipts = receipts ?? this.receipts;
      this.changed();
    }
    this.wait *= 2;
    if (this.wait <= LAST_MS) this.schedule();
  }

  /** How many others have read the message at this place. */
  count(seq) {
    return this.receipts.filter(({ id, read }) => id !== this.client.model.me && read >= seq).length;
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
  }
}
