// The messages of one conversation: a window of bounded size over a list of any length. It loads more at both ends, and
// keeps what the user looks at where it is.

import { isWatched } from '../core/client.js';
import { isMessage } from '../core/messages.js';
import { endOf } from '../core/model.js';
import { t } from '../i18n.js';
import { batched, h, icon, named, reconcile } from './dom.js';
import { attempt } from './forms.js';
import { answeredBy, messageElement } from './message.js';
import { Seen } from './seen.js';
import { dayKey, dayLabel } from './time.js';

/** Messages in the page at once. */
const WINDOW_MAX = 200;
/** With more behind the last one read than this the window begins there, not at the end. */
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
const FOUND_MS = 2500;

export class Log {
  /**
   * `onAway(isAway)` says whether the newest message is out of sight; `act(message, anchor, row)` offers what
   * can be done with one.
   */
  constructor(client, conv, { onAway, act }) {
    Object.assign(this, { client, model: client.model, conv, onAway, act });
    this.list = []; // stored messages that are shown, ascending, with the events between them
    this.isAtEnd = true; // the window reaches to the newest message
    this.isAtStart = false;
    this.sticks = true; // the newest message is in sight and stays so
    this.newAfter = null; // the line "new" stands behind this place
    this.readUpTo = 0;
    this.quotes = new Map(); // place -> the message that another one answers, or null
    this.seen = new Seen(client, conv, () => this.drawSoon());
    this.acts = {
      goTo: (seq) => this.goTo(seq),
      react: (message, reaction, on) => this.react(message, reaction, on),
      retry: (cid) => attempt(client.retry(cid)),
      discard: (cid) => attempt(client.discard(cid)),
    };
    this.rows = h('div.rows');
    this.element = h('div.log', {
      role: 'log', tabindex: 0, 'aria-label': t('log'), 'aria-describedby': 'log-keys',
      onscroll: () => this.scrolled(), onkeydown: (event) => this.pressed(event),
      onpointerover: ({ target }) => this.point(target.closest('.message')), onfocusin: ({ target }) => this.point(target.closest('.message')),
    }, this.rows);
    // Not within the log: it is not to be read out.
    this.button = h('button.acts', { hidden: true, tabindex: -1, ...named(t('message.acts')), onclick: () => this.actOn(this.pointed, this.button) }, icon('more'));
    this.stage = h('div.stage', { onpointerleave: () => this.point(null) }, this.element, this.button, h('p', { id: 'log-keys', hidden: true }, t('log.keys')));
    this.resized = new ResizeObserver(() => {
      if (this.sticks) this.toBottom();
      this.placeButton();
    });
    this.resized.observe(this.element);
    this.onFocus = () => this.markRead();
    addEventListener('focus', this.onFocus);
    document.addEventListener('visibilitychange', this.onFocus);
    this.drawSoon = batched(() => this.draw());
    this.unlisten = this.model.listen((event) => this.take(event));
  }

  close() {
    this.isClosed = true;
    this.seen.stop();
    this.unlisten();
    this.resized.disconnect();
    removeEventListener('focus', this.onFocus);
    document.removeEventListener('visibilitychange', this.onFocus);
  }

  /** Shows the newest messages, or the first unread ones, or those around `seq`. */
  async start(seq) {
    const record = this.model.record(this.conv);
    const { unread, read } = record;
    this.readUpTo = read;
    this.newAfter = unread ? read : null;
    this.isStarted = false;
    this.seen.hurry();
    if (seq) await this.goTo(seq);
    else if (unread && endOf(record) - read > UNREAD_MAX) await this.show({ after: Math.max(0, read - CONTEXT) });
    else await this.showEnd(unread + 2 * CONTEXT);
    const line = this.rows.querySelector('.new');
    if (line && !seq) line.scrollIntoView({ block: 'center' });
    this.scrolled();
    this.freshen();
  }

  showEnd(limit) {
    return this.show({ limit });
  }

  async show(place) {
    const list = await this.client.page(this.conv, place);
    if (!this.isClosed) this.showPage(list, place);
  }

  showPage(list, place) {
    this.list = lastOf(list ?? []);
    this.isStarted = true;
    this.isAtStart = list?.length === 0 || this.list[0]?.seq === 1;
    this.isAtEnd = place.after === undefined || this.reachesEnd();
    this.sticks = this.isAtEnd;
    this.quietly(() => this.draw());
  }

  reachesEnd() {
    return (this.list.at(-1)?.seq ?? 0) >= endOf(this.model.record(this.conv));
  }

  /** Shows the message at a place, and goes there. */
  async goTo(seq) {
    if (!this.messageRow(seq)) {
      const list = await this.client.around(this.conv, seq, CONTEXT);
      if (this.isClosed) return;
      if (list) this.showPage(list, { after: seq });
    }
    const row = this.messageRow(seq);
    if (!row) return;
    this.sticks = false;
    row.scrollIntoView({ block: 'center' });
    row.focus({ preventScroll: true });
    row.classList.add('found');
    setTimeout(() => row.classList.remove('found'), FOUND_MS);
    this.scrolled();
  }

  messageRow(seq) {
    return this.rows.querySelector(`[data-seq="${seq}"]`);
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
    if (event.type === 'forgotten') return this.askAgain(list);
    if (event.isNews && this.isStarted && list.some(({ seq }) => seq > (this.list.at(-1)?.seq ?? 0) + 1)) return this.resume();
    if (list.length) this.merge(list, event);
    else if (event.records?.some(isOurs)) this.drawSoon();
    if (list.length && (event.incoming || event.type === 'sent')) this.seen.hurry();
    return undefined;
  }

  /** What is shown of these is not so any more. */
  askAgain(messages) {
    const shown = new Set(this.list.map(({ seq }) => seq));
    for (const { seq } of messages) if (shown.has(seq)) this.client.message(this.conv, seq);
  }

  /** Much has been said while there was no connection: shows where it begins, unless the user reads something else. */
  resume() {
    if (this.sticks) this.begin();
    else this.isAtEnd = false;
  }

  begin() {
    this.list = [];
    this.isFresh = false;
    this.start();
  }

  merge(messages, { incoming, type }) {
    if (!this.isStarted) return;
    for (const message of messages) if (this.quotes.has(message.seq)) this.quotes.set(message.seq, message);
    const isForeign = incoming && messages.some(({ id }) => id !== this.model.me);
    if (isForeign && !isWatched() && (this.newAfter ?? -1) < this.readUpTo) this.newAfter = this.readUpTo;
    const first = this.list[0]?.seq ?? 0;
    const last = this.list.at(-1)?.seq ?? 0;
    const bySeq = new Map(this.list.map((message) => [message.seq, message]));
    for (const message of messages) {
      // The ack of a message may come before the push of the one before it.
      const isInside = (message.seq >= first || this.isAtStart) && message.seq <= last;
      const isNext = message.seq > last && this.isAtEnd;
      const { cid } = bySeq.get(message.seq) ?? message;
      if (isInside || isNext) bySeq.set(message.seq, { ...message, cid });
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
    const { length } = this.list;
    this.list = this.sticks ? lastOf(this.list) : firstOf(this.list);
    if (this.list.length === length) return;
    if (this.sticks) this.isAtStart = false;
    else this.isAtEnd = false;
  }

  // Scrolling

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const below = scrollHeight - scrollTop - clientHeight;
    this.placeButton();
    this.sticks = this.isAtEnd && below < BOTTOM;
    if (scrollTop < EDGE) this.loadOlder();
    if (below < EDGE && !this.isAtEnd) this.loadNewer();
    this.onAway(!this.sticks);
    this.markRead();
  }

  async loadOlder() {
    if (this.isAtStart || !this.list.length) return;
    await this.load({ before: this.list[0].seq }, (page) => {
      this.list = firstOf([...page, ...this.list]);
      this.isAtStart = this.list[0].seq === 1;
      this.isAtEnd &&= this.reachesEnd();
    });
  }

  async loadNewer() {
    await this.load({ after: this.list.at(-1).seq }, (page) => {
      this.list = lastOf([...this.list, ...page]);
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
    const isAbove = (row) => row?.element.getBoundingClientRect().bottom <= bottom;
    const shown = this.list.filter((message) => isMessage(message) && isAbove(this.rows.rows.get(keyOf(message))));
    return shown.at(-1)?.seq ?? 0;
  }

  // What can be done with a message

  react({ seq }, reaction, on) {
    attempt(this.client.call('react', { conv: this.conv, of: seq, reaction, on }));
  }

  /** The user's last message here that can be edited. */
  lastOwn() {
    return this.list.findLast((message) => isMessage(message) && message.id === this.model.me && !message.recalled);
  }

  /** The pointer or the focus is at a message, or at none. */
  point(element) {
    this.pointed = Number(element?.dataset.seq) || null;
    this.placeButton();
  }

  placeButton() {
    const row = this.pointed && this.messageRow(this.pointed);
    this.button.hidden = !row;
    if (!row) return;
    const [box, frame] = [row.querySelector('.bubble'), this.element].map((element) => element.getBoundingClientRect());
    const isOwn = row.classList.contains('own');
    const width = this.button.offsetWidth;
    const x = (getComputedStyle(this.element).direction === 'rtl') === isOwn ? box.right + 4 : box.left - width - 4;
    this.button.style.left = `${Math.max(2, Math.min(x - frame.left, frame.width - width - 2))}px`;
    this.button.style.top = `${Math.max(0, box.top - frame.top)}px`;
  }

  actOn(seq, anchor) {
    const message = this.list.find((other) => other.seq === seq);
    if (message) this.act(message, anchor, this.messageRow(seq));
  }

  /** The arrow keys go from message to message, Enter offers what can be done with it. */
  pressed(event) {
    const current = event.target.closest('.message');
    if (event.key === 'Enter' && event.target === current) this.actOn(Number(current.dataset.seq), current.querySelector('.bubble'));
    else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      const all = [...this.rows.querySelectorAll('.message')];
      const next = current ? all[all.indexOf(current) + (event.key === 'ArrowUp' ? -1 : 1)] : all.at(-1);
      next?.focus({ preventScroll: true });
      next?.scrollIntoView({ block: 'nearest' });
    } else return;
    event.preventDefault();
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
    const messages = [...this.list.filter(isMessage), ...outgoing.slice(-WINDOW_MAX)];
    const lastOwn = this.isAtEnd ? this.lastOwn() : undefined;
    let before = null;
    let isNewShown = false;
    for (const message of messages) {
      const isNextDay = !before || dayKey(before.time) !== dayKey(message.time);
      const isNew = !isNewShown && this.newAfter !== null && message.seq > this.newAfter && message.id !== this.model.me;
      if (isNextDay) rows.push(dayRow(message.time));
      if (isNew) rows.push({ key: 'new', sign: '', make: () => h('div.line.new', {}, h('span', {}, t('log.new'))) });
      isNewShown ||= isNew;
      const isClose = before?.id === message.id && Date.parse(message.time) - Date.parse(before.time) < TOGETHER_MS;
      const seen = message === lastOwn ? this.seen.count(message.seq) : 0;
      rows.push(this.rowOf(message, { isClose: isClose && !isNextDay && !isNew, seen }));
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

  asMessage({ conv, msg, ext, cid, time, failed }) {
    return { conv, id: this.model.me, name: this.model.name, msg, ext, time, cid, state: failed ? 'failed' : 'waiting', failed };
  }

  /** How far an own message has come; what others have said has no state. */
  stateOf({ id, seq, state, recalled }) {
    if (state || id !== this.model.me || recalled) return state ?? '';
    const { peer } = this.model.record(this.conv);
    if (!peer || !this.model.isModern) return 'stored';
    return seq <= peer.read ? 'read' : seq <= peer.delivered ? 'delivered' : 'stored';
  }

  /** The message that this one answers: undefined for none, null for one that is not here. */
  quoted(message) {
    const seq = answeredBy(message);
    if (!seq || message.recalled) return undefined;
    const here = this.list.find((other) => other.seq === seq);
    if (here) return here;
    if (!this.quotes.has(seq)) {
      this.quotes.set(seq, null);
      this.client.message(this.conv, seq).then((found) => {
        this.quotes.set(seq, found);
        this.drawSoon();
      });
    }
    return this.quotes.get(seq);
  }

  rowOf(message, { isClose, seen }) {
    const { failed, time, edited, recalled, reactions, name } = message;
    const state = this.stateOf(message);
    const quoted = this.quoted(message);
    return {
      key: keyOf(message),
      sign: JSON.stringify([state, isClose, seen, failed?.errno, time, edited, recalled, reactions, name, quoted && [quoted.name, quoted.msg]]),
      make: () => messageElement({ ...message, conv: this.conv }, { me: this.model.me, state, isClose, quoted, seen, acts: this.acts }),
    };
  }
}

/** As many messages as the page may have, with the events between them. */
function lastOf(list) {
  let count = 0;
  const start = list.findLastIndex((message) => isMessage(message) && ++count > WINDOW_MAX);
  return list.slice(start + 1);
}

function firstOf(list) {
  let count = 0;
  const end = list.findIndex((message) => isMessage(message) && ++count > WINDOW_MAX);
  return end < 0 ? list : list.slice(0, end);
}

/** A message keeps its row when the server has stored it. */
const keyOf = ({ cid, seq }) => `m${cid ?? seq}`;

function dayRow(time) {
  const label = dayLabel(time);
  return { key: `d${dayKey(time)}`, sign: label, make: () => h('div.line.day', {}, h('span', {}, label)) };
}
