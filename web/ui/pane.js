// The open conversation: its head, its messages, and the box for the next one.

import { idOf, isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { composer } from './composer.js';
import { askDialog, befriend, detailsDialog, unblock } from './dialogs.js';
import { batched, h, icon, named } from './dom.js';
import { statusText } from './errors.js';
import { Log } from './log.js';
import { messageMenu } from './messagemenu.js';
import { searchDialog } from './search.js';
import { aboutOf, dotted } from './text.js';
import { toast } from './toast.js';

/** Parts of the height that a page key scrolls. */
const PAGE_PART = 0.85;

export class Pane {
  /** `open(conv)` shows another conversation, `leave()` goes back to the list. */
  constructor(client, { open, leave }) {
    Object.assign(this, { client, model: client.model, open, leave });
    this.element = h('section.pane', { 'aria-label': t('pane') });
    this.drawSoon = batched(() => this.draw());
    this.model.listen(this.drawSoon);
    this.show(null);
  }

  /** Shows a conversation, or none; its message at `seq`, if that is given. */
  show(conv, seq) {
    this.log?.close();
    this.log = null;
    this.conv = conv;
    this.drawn = '';
    if (conv) this.build(conv, seq);
    else this.element.replaceChildren(h('div.empty', {}, h('img', { src: 'icon.svg', alt: '', width: 88, height: 88 }), h('p', {}, t('pane.empty')), h('p.hint', {}, t('pane.hint'))));
  }

  build(conv, seq) {
    this.head = h('div.who');
    this.bar = h('div.bar', { hidden: true });
    this.jump = h('button.jump', { hidden: true, ...named(t('log.latest')), onclick: () => this.log.toEnd() }, icon('down'));
    this.log = new Log(this.client, conv, {
      onAway: (isAway) => { this.jump.hidden = !isAway; },
      act: (message, anchor, row) => messageMenu(this, message, anchor, row),
    });
    this.log.stage.append(this.jump);
    this.composer = composer({
      client: this.client, conv, name: this.model.nameOf(conv), say: (text, ext) => this.say(text, ext),
      edit: ({ seq: of, ext }, msg) => this.client.call('edit', { conv, of, msg, ext }), lastOwn: () => this.log.lastOwn(),
      page: (direction) => this.log.element.scrollBy({ top: direction * this.log.element.clientHeight * PAGE_PART }),
    });
    this.element.replaceChildren(
      h('header.top', {},
        h('button.round.back', { 'aria-label': t('back'), onclick: this.leave }, icon('back')),
        this.head,
        this.model.isModern && h('button.round', { ...named(t('search.messages')), onclick: () => searchDialog(this.client, conv, (place) => this.log.goTo(place)) }, icon('search')),
        h('button.round', { ...named(t('details')), onclick: () => detailsDialog(this.client, conv, this.open) }, icon('info'))),
      this.bar,
      this.log.stage,
      this.composer.element);
    this.draw();
    this.log.start(seq);
  }

  goTo(seq) {
    this.log.goTo(seq);
  }

  /** Begins an answer or an edit. */
  write(kind, message) {
    this.composer.write({ kind, message });
  }

  focus() {
    this.composer?.box.focus();
  }

  say(text, ext) {
    this.log.newAfter = null;
    this.client.say(this.conv, text, ext).catch((error) => {
      console.error(error);
      toast(t('notice.storage'));
    });
    this.log.toEnd();
  }

  draw() {
    const { conv, model } = this;
    if (!conv) return;
    const name = model.nameOf(conv);
    const friend = isGroup(conv) ? undefined : model.friends.get(idOf(conv));
    const group = isGroup(conv) ? model.groups.get(idOf(conv)) : undefined;
    const isBlocked = !isGroup(conv) && model.blocked.has(idOf(conv));
    const isErased = Boolean(model.record(conv).isErased);
    const { status } = model;
    // On a phone the list, which says this too, is not to be seen.
    const isAway = status.state === 'waiting' || status.state === 'stopped';
    const line = isAway ? statusText(status) : this.under(conv, friend, group);
    const drawn = JSON.stringify([name, friend?.state, line, Boolean(friend || group), model.isLoaded, isBlocked, isErased]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.head.replaceChildren(avatar(conv, name, friend?.state), h('div.lines', {}, h('h1', { dir: 'auto' }, name), line && h(`p${isAway ? '.error' : ''}`, { dir: 'auto' }, line)));
    this.composer.box.setAttribute('aria-label', t('composer', { name }));
    this.composer.element.hidden = isBlocked || isErased;
    this.bar.replaceChildren(...this.barParts(conv, name, { isBlocked, isErased, isKnown: friend || group || !model.isLoaded }));
    this.bar.hidden = this.bar.children.length === 0;
  }

  /** What stands below the name: who is typing, how somebody or a group is. */
  under(conv, friend, group) {
    const typing = this.model.typing.get(conv);
    if (typing) return t('typing', { name: typing.name });
    if (group) return dotted(t('members', { n: group.total }), group.groupdesc);
    return friend ? dotted(t(`state.${friend.state}`), aboutOf(friend)) : '';
  }

  /** Somebody who is no friend, or a group that the user is not in: says so, and offers what can be done. */
  barParts(conv, name, { isBlocked, isErased, isKnown }) {
    const person = { id: idOf(conv), name };
    if (isErased) return [h('p', {}, t('erased'))];
    if (isBlocked) return [h('p', { dir: 'auto' }, t('blocked.one', { name })), h('button', { onclick: () => unblock(this.client, person) }, t('unblock'))];
    if (isKnown) return [];
    if (isGroup(conv)) return [h('p', {}, t('group.left'))];
    return [
      h('p', { dir: 'auto' }, t('friend.not', { name })),
      h('button', { onclick: () => befriend(this.client, person) }, t('friend.add')),
      h('button', { onclick: () => askDialog(this.client, person) }, t('friend.ask')),
    ];
  }
}
