// Naming members of a group in a message: `@` offers them, and who is named is told.

import { quietly } from '../core/connection.js';
import { idOf, isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h } from './dom.js';

/** What is typed of a name before the caret. A name may have blanks; it is not longer than this. */
const TYPED = /(?:^|\s)@(\S{0,30})$/u;
const OFFERED_MAX = 6;

export class Mentions {
  constructor(client, conv, box) {
    Object.assign(this, { client, conv, box });
    this.members = null;
    this.offered = [];
    this.element = h('ul.mentions', { id: 'mentions', role: 'listbox', 'aria-label': t('mentions'), hidden: true });
  }

  /** The members, asked for once; the first page of them is enough for choosing. */
  load() {
    this.members ??= quietly(this.client.call('members', { id: idOf(this.conv), after: 0 })).then((page) => {
      this.known = page?.users.filter(({ id }) => id !== this.client.model.me) ?? [];
    });
    return this.members;
  }

  /** The text has changed. */
  async changed() {
    if (!isGroup(this.conv)) return;
    const typed = this.typed();
    if (typed !== null) await this.load();
    const word = this.typed()?.toLocaleLowerCase() ?? null;
    const isMeant = ({ name }) => word !== null && name.toLocaleLowerCase().startsWith(word) && name.toLocaleLowerCase() !== word;
    this.offer((this.known ?? []).filter(isMeant).slice(0, OFFERED_MAX));
  }

  typed() {
    const { value, selectionStart } = this.box;
    return TYPED.exec(value.slice(0, selectionStart))?.[1] ?? null;
  }

  offer(members) {
    this.offered = members;
    this.chosen = 0;
    this.element.hidden = members.length === 0;
    this.element.replaceChildren(...members.map(({ name }, index) =>
      h('li', { id: `mention-${index}`, role: 'option', dir: 'auto', onmousedown: (event) => { event.preventDefault(); this.take(index); } }, name)));
    this.choose(0);
  }

  choose(index) {
    const { length } = this.offered;
    this.chosen = length && (index + length) % length;
    [...this.element.children].forEach((line, place) => line.setAttribute('aria-selected', String(place === this.chosen)));
    if (length) this.box.setAttribute('aria-activedescendant', `mention-${this.chosen}`);
    else this.box.removeAttribute('aria-activedescendant');
  }

  /** Puts the name into the text. */
  take(index) {
    const { selectionStart: end, value } = this.box;
    const { name } = this.offered[index];
    this.box.setRangeText(`${name} `, end - TYPED.exec(value.slice(0, end))[1].length, end, 'end');
    this.offer([]);
    this.box.dispatchEvent(new Event('input'));
  }

  /** Whether the key was meant for what is offered. */
  pressed({ key }) {
    if (!this.offered.length) return false;
    if (key === 'ArrowDown') this.choose(this.chosen + 1);
    else if (key === 'ArrowUp') this.choose(this.chosen - 1);
    else if (key === 'Enter' || key === 'Tab') this.take(this.chosen);
    else if (key === 'Escape') this.offer([]);
    else return false;
    return true;
  }

  /** The ids of those who are named in a text. */
  idsIn(text) {
    const lower = text.toLocaleLowerCase();
    return (this.known ?? []).filter(({ name }) => lower.includes(`@${name.toLocaleLowerCase()}`)).map(({ id }) => id);
  }
}
