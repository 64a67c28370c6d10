// The box in which one writes: a new message, an answer, or another text for a message that was said. What is in it is kept
// at every key press, for each conversation.

import { bytesOf, MESSAGE_BYTES_MAX } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h, icon, named } from './dom.js';
import { attempt } from './forms.js';
import { Mentions } from './mentions.js';
import { shortText } from './message.js';

/** From here on the box says how much room is left. */
const TOLD_BYTES = MESSAGE_BYTES_MAX - 1024;
/** The others are told no more often that somebody writes. */
const TYPING_MS = 3000;

/** `say(text, ext)` sends; `edit(message, text)` changes a message; `lastOwn()` is the one to edit; `page(direction)` scrolls by a page. */
export function composer({ client, conv, name, say, edit, lastOwn, page }) {
  const { drafts } = client;
  let about = null; // {kind: 'reply' or 'edit', message}
  let typedAt = 0;
  const limit = h('p.limit', { id: 'limit', role: 'status' });
  const button = h('button.send', { type: 'submit', ...named(t('send')) }, icon('send'));
  const subject = h('div.subject', { hidden: true, role: 'status' });
  const box = h('textarea', {
    rows: 1, 'aria-label': t('composer', { name }), placeholder: t('composer.hint'), 'aria-describedby': 'limit', 'aria-controls': 'mentions', dir: 'auto',
    enterkeyhint: 'send', oninput: typed, onkeydown: pressed, onblur: () => mentions.offer([]),
  });
  const mentions = new Mentions(client, conv, box);
  box.value = drafts.get(conv);

  function typed() {
    changed();
    mentions.changed();
    const now = Date.now();
    if (!box.value || about?.kind === 'edit' || now - typedAt < TYPING_MS) return;
    typedAt = now;
    client.call('type', { conv }).catch(() => {});
  }

  function changed() {
    if (about?.kind !== 'edit') drafts.set(conv, box.value);
    show();
  }

  function show() {
    const bytes = bytesOf(box.value);
    const isTooLong = bytes > MESSAGE_BYTES_MAX;
    const text = isTooLong ? t('composer.toolong', { n: bytes - MESSAGE_BYTES_MAX }) : t('composer.left', { n: MESSAGE_BYTES_MAX - bytes });
    limit.textContent = bytes > TOLD_BYTES ? text : '';
    limit.classList.toggle('error', isTooLong);
    button.disabled = isTooLong || box.value.trim() === '';
    grow();
  }

  /** As high as its text, up to what the style allows. */
  function grow() {
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight + 2}px`;
  }

  function pressed(event) {
    // While an input method composes, Enter belongs to it. Safari says so by the key code only.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (isComposing) return;
    const isUp = event.key === 'ArrowUp' && !event.altKey && box.value === '' && !about;
    if (mentions.pressed(event)) take(event);
    else if (event.key === 'Enter' && !event.shiftKey) send(event);
    else if (event.key === 'Escape' && about) {
      take(event);
      write(null);
    } else if (isUp && client.model.isModern && lastOwn()) {
      take(event);
      write({ kind: 'edit', message: lastOwn() });
    } else if (event.key === 'PageUp' || event.key === 'PageDown') {
      event.preventDefault();
      page(event.key === 'PageUp' ? -1 : 1);
    }
  }

  async function send(event) {
    event.preventDefault();
    if (button.disabled) return;
    // The beginning of a line may be indented on purpose.
    const text = box.value.replace(/^\s*\n|\s+$/g, '');
    if (about?.kind === 'edit') {
      const { message } = about;
      if (text === message.msg) write(null);
      // What is typed stays in the box until the server has it.
      else attempt(edit(message, text), () => about?.message === message && write(null));
      return;
    }
    const ids = mentions.idsIn(text);
    const ext = { ...(about && { re: about.message.seq }), ...(ids.length && { mentions: ids }) };
    // In this order the text is somewhere at any moment.
    say(text, Object.keys(ext).length ? ext : undefined);
    box.value = '';
    typedAt = 0;
    drafts.set(conv, '');
    write(null);
    box.focus();
  }

  /** Begins an answer or an edit, or with null a new message. */
  function write(next) {
    const wasEdit = about?.kind === 'edit';
    about = next;
    subject.hidden = !about;
    subject.replaceChildren(...(about ? subjectParts(about, () => { write(null); box.focus(); }) : []));
    if (about?.kind === 'edit') box.value = about.message.msg;
    else if (wasEdit) box.value = drafts.get(conv);
    if (about) box.focus();
    show();
  }

  // Its height is known when it is in the page.
  requestAnimationFrame(show);
  const element = h('form.composer', { onsubmit: send }, limit, mentions.element, subject, h('div.field', {}, box, button));
  return { element, box, write };
}

function subjectParts({ kind, message }, cancel) {
  const title = kind === 'edit' ? t('edit.title') : t('reply.title', { name: message.name });
  return [
    icon(kind), h('div.lines', {}, h('strong', { dir: 'auto' }, title), h('span.preview', { dir: 'auto' }, shortText(message))),
    h('button.round', { ...named(t('cancel')), onclick: cancel }, icon('close')),
  ];
}

/** The key is not meant for anybody else. */
function take(event) {
  event.preventDefault();
  event.stopPropagation();
}
