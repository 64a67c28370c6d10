// The open conversation: its head, its messages, and the box for the next one.

import { idOf, isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { composer } from './composer.js';
import { askDialog, befriend, detailsDialog } from './dialogs.js';
import { batched, h, icon, named } from './dom.js';
import { statusText } from './errors.js';
import { Log } from './log.js';
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

  /** Shows a conversation, or none. */
  show(conv) {
    this.log?.close();
    this.log = null;
    this.conv = conv;
    this.drawn = '';
    if (conv) this.build(conv);
    else this.element.replaceChildren(h('div.empty', {}, h('img', { src: 'icon.svg', alt: '', width: 88, height: 88 }), h('p', {}, t('pane.empty')), h('p.hint', {}, t('pane.hint'))));
  }

  build(conv) {
    this.head = h('div.who');
    this.bar = h('div.bar', { hidden: true });
    this.jump = h('button.jump', { hidden: true, ...named(t('log.latest')), onclick: () => this.log.toEnd() }, icon('down'));
    this.log = new Log(this.client, conv, (isAway) => { this.jump.hidden = !isAway; });
    this.composer = composer({
      drafts: this.client.drafts, conv, name: this.model.nameOf(conv), say: (text) => this.say(text),
      page: (direction) => this.log.element.scrollBy({ top: direction * this.log.element.clientHeight * PAGE_PART }),
    });
    this.element.replaceChildren(
      h('header.top', {},
        h('button.round.back', { 'aria-label': t('back'), onclick: this.leave }, icon('back')),
        this.head,
        h('button.round', { ...named(t('details')), onclick: () => detailsDialog(this.client, conv, this.open) }, icon('info'))),
      this.bar,
      h('div.stage', {}, this.log.element, this.jump),
      this.composer.element);
    this.draw();
    this.log.start();
  }

  focus() {
    this.composer?.box.focus();
  }

  say(text) {
    this.log.newAfter = null;
    this.client.say(this.conv, text).catch((error) => {
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
    const under = group ? [t('members', { n: group.total }), group.groupdesc].filter(Boolean).join(' · ') : friend ? t(`state.${friend.state}`) : '';
    const { status } = model;
    // On a phone the list, which says this too, is not to be seen.
    const isAway = status.state === 'waiting' || status.state === 'stopped';
    const line = isAway ? statusText(status) : under;
    const drawn = JSON.stringify([name, friend?.state, line, Boolean(friend || group), model.isLoaded]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.head.replaceChildren(avatar(conv, name, friend?.state), h('div.lines', {}, h('h1', { dir: 'auto' }, name), line && h(`p${isAway ? '.error' : ''}`, { dir: 'auto' }, line)));
    this.composer.box.setAttribute('aria-label', t('composer', { name }));
    this.drawBar(conv, name, friend || group || !model.isLoaded);
  }

  /** Somebody who is no friend, or a group that the user is not in: says so, and offers what can be done. */
  drawBar(conv, name, isKnown) {
    this.bar.hidden = Boolean(isKnown);
    if (isKnown) return;
    if (isGroup(conv)) return this.bar.replaceChildren(h('p', {}, t('group.left')));
    const person = { id: idOf(conv), name };
    this.bar.replaceChildren(
      h('p', { dir: 'auto' }, t('friend.not', { name })),
      h('button', { onclick: () => befriend(this.client, person) }, t('friend.add')),
      h('button', { onclick: () => askDialog(this.client, person) }, t('friend.ask')));
  }
}
