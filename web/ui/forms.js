// Boxes with a form or with a list, and what happens when something does not work.

import { userKey } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { confirmFirst, showDialog } from './dialog.js';
import { h } from './dom.js';
import { errorText } from './errors.js';
import { toast } from './toast.js';

/** Protocol limit of a group's description and of a friend request's text. */
export const TEXT_CHARS_MAX = 200;
export const NAME_CHARS_MAX = 50;

/** Does what the user wants; says so if it does not work. */
export async function attempt(promise, done) {
  try {
    const value = await promise;
    done?.(value);
  } catch (error) {
    toast(errorText(error));
  }
}

/** Asks, and then does it. */
export function attemptAfter(question, act) {
  confirmFirst({ ...question, then: () => attempt(act()) });
}

/**
 * A form in a box: `fields` are `{name, label, max, required, value, type, options}`, `send(values)` does it, `done(value, values)`
 * follows. `wrong` is the text for errno 1.
 */
export function formDialog({ title, text, fields, label, isDanger, wrong = t('group.taken'), send, done }) {
  showDialog(title, (close) => {
    const error = h('p.error', { role: 'alert' });
    const boxes = fields.map(fieldBox);
    const onsubmit = async (event) => {
      event.preventDefault();
      error.textContent = '';
      const values = Object.fromEntries(boxes.map((box) => [box.name, box.type === 'password' ? box.value : box.value.trim()]));
      try {
        const value = await send(values);
        close();
        done?.(value, values);
      } catch (failure) {
        error.textContent = failure.errno === 1 ? wrong : errorText(failure);
      }
    };
    return h('form', { onsubmit },
      text && h('p', { dir: 'auto' }, text),
      fields.map(({ name, label: words }, index) => [h('label', { for: `field-${name}` }, words), boxes[index]]),
      error,
      h('div.actions', {},
        h('button', { onclick: close }, t('cancel')),
        h(`button.${isDanger ? 'danger' : 'primary'}`, { type: 'submit' }, label)));
  });
}

function fieldBox({ name, max, required, value = '', type = 'text', autocomplete = 'off', options }) {
  const id = `field-${name}`;
  if (options) return h('select', { id, name }, options.map(([key, text]) => h('option', { value: key, selected: key === value }, text)));
  return h('input', { id, name, type, value, maxlength: max, required, autocomplete, dir: type === 'text' && 'auto' });
}

/**
 * A list in a box: `load()` gives the entries, `entry(item, remove)` the content of a line, where `remove()` takes it out of the
 * list again. `empty` stands there when it has none.
 */
export function listDialog({ title, text, empty, load, entry, actions = [] }) {
  const list = h('ul.entries');
  const hint = h('p.hint', { role: 'status' }, t('loading'));
  const showHint = () => {
    hint.textContent = empty;
    hint.hidden = list.children.length > 0;
  };
  const add = (item) => {
    const line = h('li.entry', {}, entry(item, () => {
      const next = line.nextElementSibling ?? line.previousElementSibling;
      const hadFocus = line.contains(document.activeElement);
      line.remove();
      showHint();
      if (hadFocus) (next?.querySelector('button') ?? list.closest('dialog')?.querySelector('button'))?.focus();
    }));
    list.append(line);
  };
  const close = showDialog(title, () => [text && h('p', { dir: 'auto' }, text), hint, list, actions.length > 0 && h('div.actions', {}, actions)]);
  const fill = async () => {
    const items = await load();
    list.replaceChildren();
    items.forEach(add);
    showHint();
  };
  attempt(fill().catch((error) => {
    close();
    throw error;
  }));
  return { close, fill: () => attempt(fill()) };
}

/** A list of people in a box; `buttons(user, remove)` are what can be done with one of them. */
export function peopleDialog({ buttons = () => [], ...list }) {
  listDialog({ ...list, entry: (user, remove) => [avatar(userKey(user.id), user.name, user.state), entryText(user.name), buttons(user, remove)] });
}

/** Two lines of text in an entry. */
export const entryText = (name, text) => h('div.lines', {}, h('strong', { dir: 'auto' }, name), text && h('p.preview', { dir: 'auto' }, text));
