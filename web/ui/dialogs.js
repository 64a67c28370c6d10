// The boxes about people: asking for friendship, joining and making groups, and the details of a person.

import { groupKey, idOf, isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { showDialog } from './dialog.js';
import { h } from './dom.js';
import { attempt, attemptAfter, formDialog, NAME_CHARS_MAX, TEXT_CHARS_MAX } from './forms.js';
import { groupDialog } from './group.js';
import { aboutOf, dotted } from './text.js';
import { toast } from './toast.js';
import { viewButtons } from './view.js';

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

/** Joins, or asks where the group wants that. */
export function joinDialog(client, { id, groupname, groupdesc }, open) {
  formDialog({
    title: groupname,
    text: groupdesc,
    fields: [],
    label: t('group.join'),
    send: () => client.call('join', { id }),
    done: ({ waiting }) => (waiting ? toast(t('group.asked', { group: groupname })) : open(groupKey(id))),
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

export function unblock(client, { id, name }) {
  return attempt(client.call('block', { id, name, on: false }), () => toast(t('unblocked', { name })));
}

export function detailsDialog(client, conv, open) {
  if (isGroup(conv)) groupDialog(client, idOf(conv), open);
  else userDialog(client, conv);
}

function userDialog(client, conv) {
  const { model } = client;
  const [id, name] = [idOf(conv), model.nameOf(conv)];
  const friend = model.friends.get(id);
  const act = (kind, label, then) => h(`button${kind}`, { onclick: () => { close(); then(); } }, t(label));
  const remove = () => attemptAfter({ title: name, text: t('friend.remove.text', { name }), label: t('friend.remove') }, () => client.call('unfriend', { id }));
  const block = () => attemptAfter({ title: name, text: t('block.text', { name }), label: t('block') }, () => client.call('block', { id, name, on: true }));
  const befriending = [act('', 'friend.ask', () => askDialog(client, { id, name })), act('.primary', 'friend.add', () => befriend(client, { id, name }))];
  const blocking = model.isModern && act('.danger', 'block', block);
  const actions = model.blocked.has(id)
    ? [act('', 'unblock', () => unblock(client, { id, name }))]
    : [blocking, friend ? act('.danger', 'friend.remove', remove) : befriending];
  const close = showDialog(name, () => [
    h('p', {}, dotted(t('person.number', { id }), friend && t(`state.${friend.state}`))),
    h('p', { dir: 'auto' }, aboutOf(friend)),
    viewButtons(client, conv),
    h('div.actions', {}, actions),
  ]);
}
