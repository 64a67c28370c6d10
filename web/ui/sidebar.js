// The list of conversations, the contacts, and what a search finds.

import { groupKey, idOf, isGroup, userKey } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { counted } from './badge.js';
import { batched, h, icon, named, reconcile, spoken } from './dom.js';
import { newGroupDialog, joinDialog } from './dialogs.js';
import { errorText, statusText } from './errors.js';
import { attempt } from './forms.js';
import { shortText } from './message.js';
import { foundLines, MessageSearch } from './search.js';
import { settingsDialog } from './settings.js';
import { aboutOf, dotted } from './text.js';
import { listTime } from './time.js';

/** Rows that are shown of a list at once; "more" shows as many again. */
const ROWS_MAX = 200;
const FIND_MS = 250;
const TABS = ['chats', 'contacts'];

export class Sidebar {
  /** `open(conv, name, seq)` shows a conversation, or one of its messages. */
  constructor(client, open) {
    Object.assign(this, { client, model: client.model, open });
    this.messages = new MessageSearch(client, () => this.draw());
    this.tab = 'chats';
    this.current = null;
    this.shown = ROWS_MAX;
    this.draw = batched(() => this.render());
    this.element = this.build();
    this.model.listen(this.draw);
    this.render();
  }

  build() {
    this.state = h('span.state', { role: 'status' });
    this.countdown = h('span', { 'aria-hidden': 'true' });
    this.again = h('button.quiet', { onclick: () => this.resume() });
    this.owner = h('span');
    this.name = h('strong', { dir: 'auto' });
    this.search = h('input', {
      type: 'search', placeholder: t('search'), 'aria-label': t('search'), 'aria-keyshortcuts': 'Control+K', dir: 'auto',
      oninput: () => this.searched(), onkeydown: (event) => this.onSearchKey(event),
    });
    this.tabs = TABS.map((tab) => h('button', {
      role: 'tab', id: `tab-${tab}`, 'aria-controls': 'list',
      onclick: () => this.choose(tab), onkeydown: (event) => this.onTabKey(event),
    }));
    this.list = h('div.list', { id: 'list', role: 'tabpanel', onkeydown: (event) => this.onListKey(event) });
    return h('nav.sidebar', { 'aria-label': t('nav') },
      h('h1.spoken', {}, 'Stonechat'),
      h('header.top', {},
        this.owner,
        h('div.me', {}, this.name, h('p.status', {}, this.state, this.countdown, this.again)),
        h('button.round', { ...named(t('settings')), onclick: () => settingsDialog(this.client) }, icon('more'))),
      h('div.search', {}, this.search),
      h('div.tabs', { role: 'tablist', 'aria-label': t('nav') }, this.tabs),
      this.list);
  }

  choose(tab) {
    this.tab = tab;
    this.shown = ROWS_MAX;
    this.search.value = '';
    this.searched();
    this.render();
  }

  /** Marks the conversation that is open. */
  select(conv) {
    this.current = conv;
    if (conv) this.search.value = '';
    this.draw();
  }

  focusSearch() {
    this.search.focus();
    this.search.select();
  }

  focusList() {
    (this.list.querySelector('[aria-current]') ?? this.list.querySelector('.row'))?.focus();
  }

  /** The conversation `step` rows below the open one. */
  neighbour(step) {
    const keys = this.model.conversations().map(({ conv }) => conv);
    return keys[Math.max(0, keys.indexOf(this.current) + step)] ?? keys[0];
  }

  resume() {
    this.client.call('resume').catch(() => {});
  }

  /** A user may get another name. */
  showOwner() {
    const { me, name } = this.model;
    if (this.name.textContent === name) return;
    this.name.textContent = name;
    this.owner.replaceChildren(avatar(userKey(me), name));
  }

  // The connection

  showStatus() {
    const { state, reason, until } = this.model.status;
    const text = statusText(this.model.status);
    if (this.state.textContent !== text) this.state.textContent = text;
    this.element.dataset.state = state;
    const canResume = state === 'waiting' || reason === 'elsewhere';
    this.again.hidden = !canResume;
    this.again.textContent = t(reason === 'elsewhere' ? 'status.here' : 'status.now');
    clearTimeout(this.tick);
    const left = state === 'waiting' ? Math.ceil((until - Date.now()) / 1000) : 0;
    this.countdown.textContent = left > 0 ? t('status.again', { n: left }) : '';
    if (left > 0) this.tick = setTimeout(() => this.showStatus(), 1000);
  }

  // The lists

  render() {
    this.showStatus();
    this.showOwner();
    const isSearching = this.search.value.trim() !== '';
    TABS.forEach((tab, index) => this.renderTab(this.tabs[index], tab));
    this.list.setAttribute('aria-labelledby', `tab-${this.tab}`);
    const all = isSearching ? this.searchBlocks() : this.tab === 'chats' ? this.chatBlocks() : this.contactBlocks();
    const blocks = all.filter(({ rows, extra }) => rows.length || extra);
    const make = () => h('section', {}, h('h2'), h('ul'), h('div.extra'));
    reconcile(this.list, blocks.map(({ key }) => fixed(key, make)));
    for (const block of blocks) this.fillBlock(this.list.rows.get(block.key).element, block);
    this.roveTo(this.list.querySelector('.row[aria-current]') ?? this.list.querySelector('.row'));
  }

  renderTab(button, tab) {
    const isChosen = tab === this.tab;
    button.setAttribute('aria-selected', String(isChosen));
    button.tabIndex = isChosen ? 0 : -1;
    const count = tab === 'chats' ? this.model.unreadTotal() : this.model.requests.size + this.model.invitations.size;
    const what = t(tab === 'chats' ? 'unread' : 'requests.count', { n: count });
    button.replaceChildren(t(`tab.${tab}`), ...(count ? [badge(count, what)] : []));
  }

  /** A block is a heading, rows, and what follows them (a hint, a button). */
  fillBlock(section, { title, rows, extra }) {
    const [heading, list, end] = section.children;
    heading.hidden = !title;
    heading.textContent = title;
    list.hidden = rows.length === 0;
    reconcile(list, rows.slice(0, this.shown));
    const more = rows.length > this.shown && fixed('more', () => h('button.quiet', { onclick: () => this.showMore() }, t('more')));
    reconcile(end, [more, extra].filter(Boolean));
  }

  showMore() {
    this.shown += ROWS_MAX;
    this.render();
  }

  chatBlocks() {
    const conversations = this.model.conversations();
    const isOpenOne = ({ conv }) => conv === this.current;
    // Where nothing was said yet the open one is not among them.
    if (this.current && !conversations.some(isOpenOne)) conversations.unshift({ conv: this.current, record: this.model.record(this.current) });
    const rows = conversations.map((row) => this.chatRow(row));
    const hint = rows.length === 0 && this.model.isLoaded && hintRow(t('chats.none'));
    return [{ key: 'chats', rows, extra: hint }];
  }

  contactBlocks() {
    const { friends, groups, requests, invitations } = this.model;
    const byState = (a, b) => (b.state === 'online') - (a.state === 'online') || a.name.localeCompare(b.name);
    const create = fixed('create', () => h('button.wide', { onclick: () => newGroupDialog(this.client, this.open) }, icon('plus'), t('group.new')));
    return [
      { key: 'requests', title: t('requests'), rows: [...requests.values()].map((request) => this.requestRow(request)) },
      { key: 'invitations', title: t('invitations'), rows: [...invitations.values()].map((invitation) => this.invitationRow(invitation)) },
      { key: 'friends', title: t('friends'), rows: [...friends.values()].sort(byState).map((friend) => this.userRow(friend)), extra: friends.size === 0 && hintRow(t('friends.none')) },
      { key: 'groups', title: t('groups'), rows: [...groups.values()].map((group) => this.groupRow(group)), extra: create },
    ];
  }

  row({ conv, sign, name, state, lines, onclick }) {
    const isCurrent = conv === this.current;
    const make = () => h('li', {}, h('button.row', {
      'aria-current': isCurrent && 'true', tabindex: -1, 'data-conv': conv, onclick: onclick ?? (() => this.open(conv)),
    }, avatar(conv, name, state), h('span.lines', {}, lines())));
    return { key: conv, sign: `${isCurrent} ${name} ${state} ${sign}`, make };
  }

  chatRow({ conv, record, waiting }) {
    const name = this.model.nameOf(conv);
    const state = this.model.friends.get(isGroup(conv) ? 0 : idOf(conv))?.state;
    const draft = conv === this.current ? '' : this.client.drafts.get(conv);
    const time = waiting?.time ?? record.last?.time;
    const last = draft ? { label: t('draft'), text: shortText({ msg: draft }) } : this.preview(record, waiting);
    const { unread, muted, pinned } = record;
    const lines = () => [
      h('span.line', {}, h('strong', { dir: 'auto' }, name), state && spoken(t(`state.${state}`)),
        muted && [icon('muted'), spoken(t('view.muted'))], pinned && [icon('pin'), spoken(t('view.pinned'))],
        time && h('time', { datetime: time }, listTime(time))),
      h(`span.line${unread ? '.unread' : ''}${muted ? '.muted' : ''}`, {},
        h('span.preview', { dir: 'auto' }, last.label && h('em', {}, last.label, ' '), last.text),
        last.state && icon(last.state),
        unread > 0 && badge(unread, t('unread', { n: counted(unread) }))),
    ];
    return this.row({ conv, sign: JSON.stringify([time && listTime(time), last, unread, muted, pinned]), name, state, lines });
  }

  preview({ conv, last }, waiting) {
    const typing = this.model.typing.get(conv);
    if (typing) return { text: t('typing', { name: typing.name }) };
    if (waiting) return { label: t('you'), text: shortText(waiting), state: waiting.failed ? 'alert' : 'clock' };
    if (!last) return { text: '' };
    const text = shortText(last);
    if (last.id === this.model.me) return { label: t('you'), text };
    return { label: isGroup(conv) ? `${last.name}:` : '', text };
  }

  userRow(user) {
    const { id, name, state } = user;
    const text = dotted(t(`state.${state}`), aboutOf(user));
    return this.row({ conv: userKey(id), sign: text, name, state, lines: () => twoLines(name, text) });
  }

  groupRow({ id, groupname, groupdesc, total }, onclick) {
    const text = dotted(total !== undefined && t('members', { n: total }), groupdesc);
    return this.row({ conv: groupKey(id), sign: text, name: groupname, lines: () => twoLines(groupname, text), onclick });
  }

  requestRow({ id, name, msg }) {
    const answer = (accept) => attempt(this.client.call('answer', { id, accept }));
    return questionRow({ key: `r${id}`, sign: avatar(userKey(id), name), name, text: msg, answer });
  }

  invitationRow({ id, groupname, by }) {
    const answer = (accept) => attempt(this.client.call('answerInvitation', { id, accept }), () => accept && this.open(groupKey(id)));
    return questionRow({ key: `i${id}`, sign: avatar(groupKey(id), groupname), name: groupname, text: t('invitation.by', { name: by.name }), answer });
  }

  // Searching

  searched() {
    clearTimeout(this.findTimer);
    this.found = null;
    this.findError = '';
    this.messages.clear();
    const keyword = this.search.value.trim();
    if (keyword) this.findTimer = setTimeout(() => this.find(keyword), FIND_MS);
    this.draw();
  }

  async find(keyword) {
    const isCurrent = () => this.search.value.trim() === keyword;
    this.messages.start(keyword);
    try {
      const found = await this.client.call('find', { keyword });
      if (isCurrent()) this.found = found;
    } catch (error) {
      if (isCurrent()) this.findError = errorText(error);
    }
    this.draw();
  }

  searchBlocks() {
    const word = this.search.value.trim().toLocaleLowerCase();
    const { model, found, messages } = this;
    const own = model.conversations().filter(({ conv }) => model.nameOf(conv).toLocaleLowerCase().includes(word));
    const isKnown = (conv) => own.some((row) => row.conv === conv);
    const users = (found?.users ?? []).filter(({ id }) => id !== model.me && !isKnown(userKey(id)));
    const groups = (found?.groups ?? []).filter(({ id }) => !isKnown(groupKey(id)));
    const isEmpty = own.length + users.length + groups.length + messages.found.length === 0;
    const isBusy = !found || messages.isBusy;
    const text = this.findError || messages.error || (isBusy ? t('find.searching') : isEmpty && t('find.none'));
    const hint = text && hintRow(text);
    const more = !messages.isBusy && messages.next !== undefined
      && fixed('ask', () => h('button.quiet', { onclick: () => { messages.more(); this.draw(); } }, t('more')));
    return [
      { key: 'own', title: t('find.own'), rows: own.map((row) => this.chatRow(row)) },
      { key: 'users', title: t('find.users'), rows: users.map((user) => this.userRow(user)) },
      { key: 'found', title: t('groups'), rows: groups.map((group) => this.foundGroup(group)) },
      { key: 'messages', title: t('log'), rows: messages.found.map((message) => this.foundMessage(message)), extra: more },
      { key: 'hint', rows: [], extra: hint },
    ];
  }

  foundMessage(message) {
    const { conv, seq, msg, edited } = message;
    const name = this.model.nameOf(conv);
    const make = () => h('li', {}, h('button.row', { tabindex: -1, onclick: () => this.open(conv, undefined, seq) },
      avatar(conv, name), h('span.lines', {}, foundLines(message, this.messages.keyword, name))));
    return { key: `${conv} ${seq}`, sign: `${name} ${edited} ${msg}`, make };
  }

  foundGroup(group) {
    const isMember = this.model.groups.has(group.id);
    return this.groupRow(group, isMember ? undefined : () => joinDialog(this.client, group, this.open));
  }

  // Keys

  onSearchKey(event) {
    if (event.key === 'ArrowDown') this.list.querySelector('.row')?.focus();
    else if (event.key === 'Enter') this.list.querySelector('.row')?.click();
    else if (event.key === 'Escape' && this.search.value) {
      event.stopPropagation();
      this.search.value = '';
      this.searched();
    } else return;
    event.preventDefault();
  }

  onTabKey(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = TABS[1 - TABS.indexOf(this.tab)];
    this.choose(other);
    this.tabs[TABS.indexOf(other)].focus();
  }

  /** One row is in the tab order; the arrow keys go to the others. */
  roveTo(row) {
    const rows = [...this.list.querySelectorAll('.row')];
    const focused = rows.find((other) => other === document.activeElement);
    for (const other of rows) other.tabIndex = other === (focused ?? row) ? 0 : -1;
  }

  onListKey(event) {
    const rows = [...this.list.querySelectorAll('.row')];
    const place = rows.indexOf(document.activeElement);
    const places = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 };
    if (place < 0 || !(event.key in places)) return;
    event.preventDefault();
    const target = rows[places[event.key]];
    if (!target) return;
    target.focus();
    this.roveTo(target);
  }
}

const twoLines = (name, text) => [h('strong', { dir: 'auto' }, name), h('span.preview', { dir: 'auto' }, text)];

/** A row that never changes. */
const fixed = (key, make) => ({ key, sign: '', make });
const hintRow = (text) => fixed(text, () => h('p.hint', {}, text));

/** Somebody waits for an answer. */
function questionRow({ key, sign, name, text, answer }) {
  const make = () => h('li.request', {},
    sign,
    h('div.lines', {}, h('strong', { dir: 'auto' }, name), text && h('p', { dir: 'auto' }, text),
      h('div.actions', {},
        h('button.primary', { onclick: () => answer(true) }, t('accept')),
        h('button', { onclick: () => answer(false) }, t('decline')))));
  return { key, sign: name + text, make };
}

function badge(count, what) {
  return h('span.badge', {}, h('span', { 'aria-hidden': 'true' }, counted(count)), spoken(what));
}
