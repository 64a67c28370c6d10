// The messages of one conversation: a window of bounded size over a list of any length. It loads more at both ends, and
// keeps what the user looks at where it is.

import { isWatched } from '../core/client.js';
import { isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { batched, h, icon, reconcile, spoken } from './dom.js';
import { attempt } from './dialogs.js';
import { errorText } from './errors.js';
import { isEmojiOnly, nodesOf } from './text.js';
import { clock, dayKey, dayLabel, fullTime } from './time.js';

/** Messages in the page at once. */
const WINDOW_MAX = 200;
/** With more unread ones than this the window begins at the first of them, not at the end. */
const UNREAD_MAX = 120;
const CONTEXT = 20;
/** Loading begins as far before the edge is reached, in pixels. */
const EDGE = 900;
const BOTTOM = 40;
/** Messages of one person that follow each other so closely stand together. */
const TOGETHER_MS = 5 * 60_000;
/** Screen readers must not read what was only loaded. */
const QUIET_MS = 800;
const FRESH_PAGE = 50;
const READ_MS = 150;

export class Log {
  /** `onAway(isAway)` says whether the newest message is out of sight. */
  constructor(client, conv, onAway) {
    Object.assign(this, { client, model: client.model, conv, onAway });
    this.list = []; // stored messages that are shown, ascending
    this.isAtEnd = true; // the window reaches to the newest message
    this.isAtStart = false;
    this.sticks = true; // the newest message is in sight and stays so
    this.newAfter = null; // the line "new" stands behind this place
    this.readUpTo = 0;
    this.rows = h('div.rows');
    this.element = h('div.log', { role: 'log', tabindex: 0, 'aria-label': t('log'), onscroll: () => this.scrolled() }, this.rows);
    this.resized = new ResizeObserver(() => this.sticks && this.toBottom());
    this.resized.observe(this.element);
    this.onFocus = () => this.markRead();
    addEventListener('focus', this.onFocus);
    document.addEventListener('visibilitychange', this.onFocus);
    this.drawSoon = batched(() => this.draw());
    this.unlisten = this.model.listen((event) => this.take(event));
  }

  close() {
    this.isClosed = true;
    this.unlisten();
    this.resized.disconnect();
    removeEventListener('focus', this.onFocus);
    document.removeEventListener('visibilitychange', this.onFocus);
  }

  /** Shows the newest messages, or the first unread ones. */
  async start() {
    const { unread, read } = this.model.record(this.conv);
    this.readUpTo = read;
    this.newAfter = unread ? read : null;
    if (unread > UNREAD_MAX) await this.show({ after: Math.max(0, read - CONTEXT) });
    else await this.showEnd(unread + 2 * CONTEXT);
    const line = this.rows.querySelector('.new');
    if (line) line.scrollIntoView({ block: 'center' });
    this.scrolled();
    this.freshen();
  }

  showEnd(limit) {
    return this.show({ limit });
  }

  async show(place) {
    const list = await this.client.page(this.conv, place);
    if (this.isClosed) return;
    this.list = (list ?? []).slice(-WINDOW_MAX);
    this.isStarted = true;
    this.isAtStart = list?.length === 0 || this.list[0]?.seq === 1;
    this.isAtEnd = place.after === undefined || this.reachesEnd();
    this.sticks = this.isAtEnd;
    this.quietly(() => this.draw());
  }

  reachesEnd() {
    return (this.list.at(-1)?.seq ?? 0) >= (this.model.record(this.conv).last?.seq ?? 0);
  }

  /** Asks for the newest messages, in case this browser has missed some for good; once for each connection. */
  freshen() {
    if (this.model.status.state !== 'online' || this.isFresh) return;
    this.isFresh = true;
    this.client.call('history', { conv: this.conv, limit: FRESH_PAGE }).catch(() => {});
  }

  take(event) {
    const isOurs = (entry) => entry.conv === this.conv;
    if (event.type === 'status') {
      if (event.status.state === 'online') this.freshen();
      else this.isFresh = false;
      return this.drawSoon();
    }
    if (event.type === 'anew') return this.begin();
    if (event.type === 'queued' && isOurs(event.item)) return this.drawSoon();
    if (event.type === 'dropped' || event.type === 'loaded') return this.drawSoon();
    const list = event.list?.filter(isOurs) ?? [];
    if (list.length) this.merge(list, event);
    return undefined;
  }

  begin() {
    this.list = [];
    this.isFresh = false;
    this.start();
  }

  merge(messages, { incoming, type }) {
    if (!this.isStarted) return;
    const isForeign = incoming && messages.some(({ id }) => id !== this.model.me);
    if (isForeign && !isWatched() && (this.newAfter ?? -1) < this.readUpTo) this.newAfter = this.readUpTo;
    const first = this.list[0]?.seq ?? 0;
    const last = this.list.at(-1)?.seq ?? 0;
    const bySeq = new Map(this.list.map((message) => [message.seq, message]));
    for (const message of messages) {
      // The ack of a message may come before the push of the one before it.
      const isInside = (message.seq >= first || this.isAtStart) && message.seq <= last;
      const isNext = message.seq > last && this.isAtEnd;
      if (isInside || isNext) bySeq.set(message.seq, { ...bySeq.get(message.seq), ...message });
    }
    this.list = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
    if (!incoming && type === 'messages') this.cutAtHole();
    this.isAtStart ||= this.list[0]?.seq === 1;
    this.bound();
    this.drawSoon();
  }

  /** Messages are numbered without a hole: what lies before one is not next to what lies behind it. */
  cutAtHole() {
    const hole = this.list.findLastIndex(({ seq }, i) => i > 0 && seq !== this.list[i - 1].seq + 1);
    if (hole < 0) return;
    this.list = this.list.slice(hole);
    this.isAtStart = false;
  }

  /** Too many messages: the far end of the window gives way. */
  bound() {
    if (this.list.length <= WINDOW_MAX) return;
    if (this.sticks) {
      this.list = this.list.slice(-WINDOW_MAX);
      this.isAtStart = false;
    } else {
      this.list = this.list.slice(0, WINDOW_MAX);
      this.isAtEnd = false;
    }
  }

  // Scrolling

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const below = scrollHeight - scrollTop - clientHeight;
    this.sticks = this.isAtEnd && below < BOTTOM;
    if (scrollTop < EDGE) this.loadOlder();
    if (below < EDGE && !this.isAtEnd) this.loadNewer();
    this.onAway(!this.sticks);
    this.markRead();
  }

  async loadOlder() {
    if (this.isAtStart || !this.list.length) return;
    await this.load({ before: this.list[0].seq }, (page) => {
      this.list = [...page, ...this.list].slice(0, WINDOW_MAX);
      this.isAtStart = this.list[0].seq === 1;
      this.isAtEnd &&= this.reachesEnd();
    });
  }

  async loadNewer() {
    await this.load({ after: this.list.at(-1).seq }, (page) => {
      this.list = [...this.list, ...page].slice(-WINDOW_MAX);
      this.isAtStart = this.list[0].seq === 1;
      this.isAtEnd = this.reachesEnd();
    });
  }

  /** Loads a page, and lets `add` put it to the window. The next one follows if that was not enough. */
  async load(place, add) {
    if (this.isLoading || !this.isStarted) return;
    this.isLoading = true;
    const { list } = this;
    const page = await this.client.page(this.conv, place);
    this.isLoading = false;
    const isOvertaken = this.isClosed || (place.before ? list[0] !== this.list[0] : list.at(-1) !== this.list.at(-1));
    if (isOvertaken || !page) return;
    if (page.length) add(page);
    else if (place.before) this.isAtStart = true;
    else this.isAtEnd = true;
    this.sticks = false;
    this.quietly(() => this.draw());
  }

  toBottom() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  /** The user wants to see the newest message. */
  async toEnd() {
    if (!this.isAtEnd) await this.showEnd(2 * CONTEXT);
    this.sticks = true;
    this.draw();
  }

  // Reading

  /** Soon, and once for many steps of scrolling. */
  markRead() {
    this.readTimer ??= setTimeout(() => {
      this.readTimer = null;
      this.markReadNow();
    }, READ_MS);
  }

  markReadNow() {
    if (this.isClosed || !this.isStarted || !isWatched() || !this.list.length) return;
    const seq = this.sticks ? this.list.at(-1).seq : this.lastInSight();
    if (seq <= this.readUpTo) return;
    this.readUpTo = seq;
    this.client.call('read', { conv: this.conv, seq }).catch(() => {});
  }

  lastInSight() {
    if (!this.model.record(this.conv).unread) return 0;
    const { bottom } = this.element.getBoundingClientRect();
    const isAbove = ({ element }) => element.getBoundingClientRect().bottom <= bottom;
    const shown = this.list.filter((message) => isAbove(this.rows.rows.get(keyOf(message))));
    return shown.at(-1)?.seq ?? 0;
  }

  // Drawing

  /** What `draw` adds is not read out by screen readers. */
  quietly(draw) {
    this.element.setAttribute('aria-live', 'off');
    draw();
    clearTimeout(this.loud);
    this.loud = setTimeout(() => this.element.setAttribute('aria-live', 'polite'), QUIET_MS);
  }

  draw() {
    if (!this.isStarted || this.isClosed) return;
    const anchor = this.sticks ? null : this.anchor();
    reconcile(this.rows, this.makeRows());
    if (anchor) this.restore(anchor);
    else this.toBottom();
    this.scrolled();
  }

  /** A row in sight, and where it is. */
  anchor() {
    const { top } = this.element.getBoundingClientRect();
    for (const [key, { element }] of this.rows.rows ?? []) {
      const box = element.getBoundingClientRect();
      if (key.startsWith('m') && box.bottom > top) return { key, y: box.top };
    }
    return null;
  }

  restore({ key, y }) {
    const row = this.rows.rows.get(key);
    if (row) this.element.scrollTop += row.element.getBoundingClientRect().top - y;
  }

  makeRows() {
    const rows = [this.headRow()];
    const outgoing = this.isAtEnd ? this.model.outgoing(this.conv).map((item) => this.asMessage(item)) : [];
    let before = null;
    let isNewShown = false;
    for (const message of [...this.list, ...outgoing.slice(-WINDOW_MAX)]) {
      const isNextDay = !before || dayKey(before.time) !== dayKey(message.time);
      const isNew = !isNewShown && this.newAfter !== null && message.seq > this.newAfter && message.id !== this.model.me;
      if (isNextDay) rows.push(dayRow(message.time));
      if (isNew) rows.push({ key: 'new', sign: '', make: () => h('div.line.new', {}, h('span', {}, t('log.new'))) });
      isNewShown ||= isNew;
      const isClose = before?.id === message.id && Date.parse(message.time) - Date.parse(before.time) < TOGETHER_MS;
      rows.push(this.messageRow(message, isClose && !isNextDay && !isNew));
      before = message;
    }
    return rows;
  }

  headRow() {
    const { state } = this.model.status;
    const isEmpty = !this.list.length && !this.model.outgoing(this.conv).length;
    const text = isEmpty ? t('log.empty') : this.isAtStart ? t('log.start') : state === 'online' ? t('log.loading') : t('log.offline');
    return { key: 'head', sign: text, make: () => h('p.head', {}, text) };
  }

  asMessage({ msg, cid, time, failed }) {
    return { id: this.model.me, name: this.model.name, msg, time, cid, state: failed ? 'failed' : 'waiting', failed };
  }

  messageRow(message, isClose) {
    const { id, state = id === this.model.me ? 'stored' : '' } = message;
    return {
      key: keyOf(message),
      sign: `${state} ${isClose} ${message.failed?.errno} ${message.time}`,
      make: () => this.makeMessage(message, state, isClose),
    };
  }

  makeMessage({ id, name, msg, time, cid, seq, failed }, state, isClose) {
    const isOwn = id === this.model.me;
    const kind = [isOwn ? 'own' : 'foreign', isClose ? 'close' : '', state, isEmojiOnly(msg) ? 'large' : ''].filter(Boolean).join('.');
    const showsName = isGroup(this.conv) && !isOwn && !isClose;
    const who = showsName ? h('div.who', { dir: 'auto' }, name) : spoken(isOwn ? t('log.you') : `${name}: `);
    const icons = { stored: 'check', waiting: 'clock', failed: 'alert' };
    const meta = h('span.meta', {},
      h('time', { datetime: time, title: fullTime(time) }, clock(time)),
      icons[state] && [icon(icons[state]), spoken(t(`state.${state}`))]);
    return h(`div.message.${kind}`, { 'data-seq': seq, 'data-cid': cid },
      h('div.bubble', {}, who, h('div.text', { dir: 'auto' }, nodesOf(msg)), meta),
      failed && this.failure(cid, failed));
  }

  failure(cid, failed) {
    return h('div.failure', {},
      h('span', {}, errorText(failed)),
      h('button.quiet', { onclick: () => attempt(this.client.retry(cid)) }, t('retry')),
      h('button.quiet', { onclick: () => attempt(this.client.discard(cid)) }, t('discard')));
  }
}

/** A message keeps its row when the server has stored it. */
const keyOf = ({ cid, seq }) => `m${cid ?? seq}`;

function dayRow(time) {
  const label = dayLabel(time);
  return { key: `d${dayKey(time)}`, sign: label, make: () => h('div.line.day', {}, h('span', {}, label)) };
}
