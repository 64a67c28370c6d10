// The boxes: settings, a new group, joining, asking for friendship, and the details of a person or a group.

import { groupKey, idOf, isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { confirmFirst, showDialog } from './dialog.js';
import { h } from './dom.js';
import { errorText } from './errors.js';
import { notificationButton } from './notify.js';
import { toast } from './toast.js';

/** Protocol limit of a group's description and of a friend request's text. */
const TEXT_CHARS_MAX = 200;
const NAME_CHARS_MAX = 50;
const KEYS = { search: 'Ctrl-K', conversations: 'Alt-↑ Alt-↓', newline: 'Shift-Enter', escape: 'Esc', list: '↑ ↓' };

/** Does what the user wants; says so if it does not work. */
export async function attempt(promise, done) {
  try {
    const value = await promise;
    done?.(value);
  } catch (error) {
    toast(errorText(error));
  }
}

export function settingsDialog(client) {
  showDialog(t('settings'), () => [
    h('p', {}, t('settings.account', { name: client.model.name, id: client.model.me })),
    notificationButton(),
    h('h3', {}, t('keys')),
    h('dl.keys', {}, Object.entries(KEYS).map(([what, keys]) => [h('dt', {}, t(`keys.${what}`)), h('dd', {}, h('kbd', {}, keys))])),
    h('div.actions', {}, h('button.danger', { onclick: () => confirmLogOut(client) }, t('logout'))),
  ]);
}

function confirmLogOut(client) {
  const waiting = [...client.model.outbox.values()].length;
  confirmFirst({
    title: t('logout'),
    text: waiting ? t('logout.waiting', { n: waiting }) : t('logout.text'),
    label: t('logout'),
    then: async () => {
      await client.logOut();
      location.replace(location.pathname);
    },
  });
}

/** A form in a box: `fields` are `{name, label, max, required}`, `send(values)` does it, `done` follows. */
function formDialog({ title, text, fields, label, send, done }) {
  showDialog(title, (close) => {
    const error = h('p.error', { role: 'alert' });
    const boxes = fields.map(({ name, max, required }) =>
      h('input', { id: `field-${name}`, name, maxlength: max, required, autocomplete: 'off', dir: 'auto' }));
    const onsubmit = async (event) => {
      event.preventDefault();
      error.textContent = '';
      try {
        const value = await send(Object.fromEntries(boxes.map((box) => [box.name, box.value.trim()])));
        close();
        done(value);
      } catch (failure) {
        error.textContent = failure.errno === 1 ? t('group.taken') : errorText(failure);
      }
    };
    return h('form', { onsubmit },
      text && h('p', { dir: 'auto' }, text),
      fields.map(({ name, label: words }, index) => [h('label', { for: `field-${name}` }, words), boxes[index]]),
      error,
      h('div.actions', {},
        h('button', { onclick: close }, t('cancel')),
        h('button.primary', { type: 'submit' }, label)));
  });
}

export function newGroupDialog(client, open) {
  formDialog({
    title: t('group.new'),
    fields: [
      { name: 'name', label: t('group.name'), max: NAME_CHARS_MAX, required: true },
      { name: 'description', label: t('group.description'), max: TEXT_CHARS_MAX },
    ],
    label: t('group.create'),
    send: (values) => client.call('create', values),
    done: ({ id }) => open(groupKey(id)),
  });
}

export function joinDialog(client, { id, groupname, groupdesc }, open) {
  formDialog({
    title: groupname,
    text: groupdesc,
    fields: [],
    label: t('group.join'),
    send: () => client.call('join', { id }),
    done: () => open(groupKey(id)),
  });
}

export function askDialog(client, { id, name }) {
  formDialog({
    title: t('friend.ask.title', { name }),
    fields: [{ name: 'msg', label: t('friend.ask.text'), max: TEXT_CHARS_MAX }],
    label: t('friend.ask.send'),
    send: ({ msg }) => client.call('ask', { id, msg }),
    done: () => toast(t('friend.asked', { name })),
  });
}

/** Makes a friend at once, or asks where the server wants that. */
export function befriend(client, { id, name }) {
  attempt(client.call('befriend', { id }), ({ waiting }) => toast(t(waiting ? 'friend.asked' : 'friend.made', { name })));
}

export function detailsDialog(client, conv, open) {
  if (isGroup(conv)) groupDialog(client, idOf(conv), open);
  else userDialog(client, idOf(conv), client.model.nameOf(conv));
}

function userDialog(client, id, name) {
  const friend = client.model.friends.get(id);
  const act = (kind, label, then) => h(`button${kind}`, { onclick: () => { close(); then(); } }, t(label));
  const remove = () => confirmFirst({
    title: name, text: t('friend.remove.text', { name }), label: t('friend.remove'),
    then: () => attempt(client.call('unfriend', { id })),
  });
  const actions = friend
    ? [act('.danger', 'friend.remove', remove)]
    : [act('', 'friend.ask', () => askDialog(client, { id, name })), act('.primary', 'friend.add', () => befriend(client, { id, name }))];
  const close = showDialog(name, () => [
    h('p', {}, t('person.number', { id }), friend && ` · ${t(`state.${friend.state}`)}`),
    h('div.actions', {}, actions),
  ]);
}

function groupDialog(client, id, open) {
  const group = client.model.groups.get(id);
  if (!group) return;
  const list = h('ul.members');
  const more = h('button.quiet', { hidden: true }, t('more'));
  const actions = h('div.actions');
  let last = 0;
  const leave = (call, what) => {
    close();
    confirmFirst({ title: group.groupname, text: t(`${what}.text`), label: t(what), then: () => attempt(client.call(call, { id })) });
  };
  const load = () => attempt(client.call('members', { id, after: last }), (page) => {
    last = page.users.at(-1)?.id ?? last;
    list.append(...page.users.map((user) => member(client, user, open)));
    more.hidden = !page.more;
    const isCreator = page.users.some((user) => user.id === client.model.me && user.role === 'creator');
    if (actions.children.length && !isCreator) return;
    const [call, what] = isCreator ? ['disband', 'group.delete'] : ['quit', 'group.quit'];
    actions.replaceChildren(h('button.danger', { onclick: () => leave(call, what) }, t(what)));
  });
  more.addEventListener('click', load);
  const close = showDialog(group.groupname, () => [
    group.groupdesc && h('p', { dir: 'auto' }, group.groupdesc),
    h('h3', {}, t('members', { n: group.total })),
    list, more, actions,
  ].filter(Boolean));
  load();
}

function member(client, { id, name, state, role }, open) {
  const conv = `u${id}`;
  const text = [t(`state.${state}`), role === 'creator' && t('group.creator')].filter(Boolean).join(' · ');
  const label = [avatar(conv, name, state), h('span.lines', {}, h('strong', { dir: 'auto' }, name), h('span.preview', {}, text))];
  if (id === client.model.me) return h('li', {}, h('span.row', {}, label));
  const onclick = () => {
    document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
    open(conv, name);
  };
  return h('li', {}, h('button.row', { onclick }, label));
}
