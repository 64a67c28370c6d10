// Searching what was said: the server looks at some messages at a time, and says where to go on. What is found is shown at
// once, and more is asked for until there is enough to show.

import { isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { showDialog } from './dialog.js';
import { h } from './dom.js';
import { errorText } from './errors.js';
import { listTime } from './time.js';

/** The server finds nothing shorter. */
const CHARS_MIN = 2;
const SHOWN_FIRST = 20;
const TYPED_MS = 300;
/** So much of a text stands before what was found in it. */
const BEFORE_CHARS = 24;

export class MessageSearch {
  /** `changed()` is called when there is something new to show. */
  constructor(client, changed) {
    Object.assign(this, { client, changed });
    this.clear();
  }

  clear() {
    Object.assign(this, { keyword: '', found: [], next: undefined, isBusy: false, error: '' });
  }

  /** Looks for messages with this word, in all conversations or in one. */
  start(keyword, conv) {
    this.clear();
    if ([...keyword].length < CHARS_MIN || !this.client.model.isModern) return;
    Object.assign(this, { keyword, conv, wanted: SHOWN_FIRST });
    this.ask();
  }

  more() {
    this.wanted = this.found.length + SHOWN_FIRST;
    this.ask();
  }

  async ask() {
    const { keyword, conv } = this;
    const isCurrent = () => this.keyword === keyword && this.conv === conv;
    this.isBusy = true;
    try {
      do {
        const { messages, next } = await this.client.call('search', { keyword, conv, after: this.next });
        if (!isCurrent()) return;
        this.found.push(...messages);
        this.next = next;
        this.changed();
      } while (this.next !== undefined && this.found.length < this.wanted);
    } catch (error) {
      if (!isCurrent()) return;
      this.error = errorText(error);
    }
    this.isBusy = false;
    this.changed();
  }
}

/** A text around what was found in it, which is marked. */
function foundText({ msg }, keyword) {
  const text = msg.replace(/\s+/g, ' ');
  const at = text.toLocaleLowerCase().indexOf(keyword.toLocaleLowerCase());
  if (at < 0) return [text.slice(0, 160)];
  const start = Math.max(0, at - BEFORE_CHARS);
  const end = at + keyword.length;
  return [start > 0 && '… ', text.slice(start, at), h('mark', {}, text.slice(at, end)), text.slice(end, end + 120)];
}

/** The box in which one searches a conversation; `goTo(seq)` shows a message. */
export function searchDialog(client, conv, goTo) {
  let timer;
  const name = client.model.nameOf(conv);
  const list = h('ul.members.found');
  const hint = h('p.hint', { role: 'status' });
  const more = h('button.quiet', { hidden: true, onclick: () => search.more() }, t('more'));
  const box = h('input', { type: 'search', 'aria-label': t('search.messages'), placeholder: t('search.messages'), autocomplete: 'off', dir: 'auto', oninput: typed });
  const search = new MessageSearch(client, draw);

  function typed() {
    clearTimeout(timer);
    search.clear();
    draw();
    timer = setTimeout(() => {
      search.start(box.value.trim(), conv);
      draw();
    }, TYPED_MS);
  }

  function draw() {
    const { found, isBusy, error, keyword, next } = search;
    list.replaceChildren(...found.map((message) => h('li', {}, h('button.row', { onclick: () => { close(); goTo(message.seq); } },
      avatar(`u${message.id}`, message.name), h('span.lines', {}, foundLines(message, keyword, message.name))))));
    const none = keyword && !found.length && !isBusy;
    hint.textContent = error || (isBusy ? t('find.searching') : none ? t('search.none') : found.length ? t('search.count', { n: found.length }) : '');
    more.hidden = isBusy || next === undefined;
  }

  const close = showDialog(t('search.in', { name }), () => [box, hint, list, more]);
  box.focus();
  draw();
}

/** Two lines of a row: a name and when, and the text. */
export function foundLines(message, keyword, title) {
  const who = isGroup(message.conv) && title !== message.name && `${message.name}: `;
  return [
    h('span.line', {}, h('strong', { dir: 'auto' }, title), h('time', { datetime: message.time }, listTime(message.time))),
    h('span.preview', { dir: 'auto' }, who, foundText(message, keyword)),
  ];
}
