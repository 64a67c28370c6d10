// The boxes about the user's own account.

import { quietly } from '../core/connection.js';
import { userKey } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { confirmFirst, showDialog } from './dialog.js';
import { unblock } from './dialogs.js';
import { h } from './dom.js';
import { attempt, entryText, formDialog, listDialog, NAME_CHARS_MAX, peopleDialog, TEXT_CHARS_MAX } from './forms.js';
import { notificationButton } from './notify.js';
import { dotted } from './text.js';
import { listTime } from './time.js';
import { toast } from './toast.js';

const KEYS = {
  search: 'Ctrl-K', conversations: 'Alt-↑ Alt-↓', newline: 'Shift-Enter', edit: '↑', messages: '↑ ↓ Enter', escape: 'Esc', list: '↑ ↓',
};

export function settingsDialog(client) {
  const { model } = client;
  const part = (key, show) => h('button.wide', { onclick: () => show(client) }, t(key));
  showDialog(t('settings'), () => [
    h('p', {}, t('settings.account', { name: model.name, id: model.me })),
    model.isModern && part('profile', profileDialog),
    notificationButton(),
    model.isModern && [part('asked', askedDialog), part('blocked', blockedDialog), part('sessions', sessionsDialog), part('password', passwordDialog)],
    h('h3', {}, t('keys')),
    h('dl.keys', {}, Object.entries(KEYS).map(([what, keys]) => [h('dt', {}, t(`keys.${what}`)), h('dd', {}, h('kbd', {}, keys))])),
    h('div.actions', {},
      model.isModern && h('button.danger', { onclick: () => eraseDialog(client) }, t('erase')),
      h('button.danger', { onclick: () => confirmLogOut(client) }, t('logout'))),
  ]);
}

const begin = () => location.replace(location.pathname);

function confirmLogOut(client) {
  const waiting = [...client.model.outbox.values()].length;
  confirmFirst({
    title: t('logout'),
    text: waiting ? t('logout.waiting', { n: waiting }) : t('logout.text'),
    label: t('logout'),
    then: async () => {
      await client.logOut();
      begin();
    },
  });
}

async function profileDialog(client) {
  const { name } = client.model;
  const profile = (await quietly(client.call('profile'))) ?? client.model.profile;
  formDialog({
    title: t('profile'),
    text: t('profile.text'),
    fields: [
      { name: 'name', label: t('signin.name'), max: NAME_CHARS_MAX, required: true, value: name, autocomplete: 'username' },
      { name: 'about', label: t('profile.about'), max: TEXT_CHARS_MAX, value: typeof profile.about === 'string' ? profile.about : '' },
    ],
    label: t('save'),
    send: (values) => client.call('setProfile', values),
    done: () => toast(t('saved')),
  });
}

function passwordDialog(client) {
  formDialog({
    title: t('password'),
    text: t('password.text'),
    fields: [
      { name: 'pwd', label: t('password.old'), type: 'password', required: true, autocomplete: 'current-password' },
      { name: 'fresh', label: t('password.new'), type: 'password', required: true, autocomplete: 'new-password' },
    ],
    label: t('save'),
    wrong: t('password.wrong'),
    send: (values) => client.call('setPassword', values),
    done: () => toast(t('saved')),
  });
}

function eraseDialog(client) {
  formDialog({
    title: t('erase'),
    text: t('erase.text'),
    fields: [{ name: 'pwd', label: t('signin.password'), type: 'password', required: true, autocomplete: 'current-password' }],
    label: t('erase'),
    isDanger: true,
    wrong: t('password.wrong'),
    send: (values) => client.call('erase', values),
    done: async () => {
      await client.forgetAll();
      begin();
    },
  });
}

function blockedDialog(client) {
  peopleDialog({
    title: t('blocked'), empty: t('blocked.none'),
    load: async () => [...client.model.blocked.values()],
    buttons: (user, remove) => h('button', { onclick: () => unblock(client, user).then(remove) }, t('unblock')),
  });
}

/** A session is what a token can take up again; so one may be listed that is not online. */
function sessionsDialog(client) {
  const others = h('button.danger', { onclick: () => attempt(client.call('endSession', { end: 'others' }), () => dialog.fill()) }, t('sessions.others'));
  const dialog = listDialog({
    title: t('sessions'),
    empty: '',
    load: () => client.call('sessions'),
    entry: ({ number, device, address, since, used, this: isThis }, remove) => [
      entryText(device || t('sessions.unnamed'), dotted(address, t('sessions.times', { since: listTime(since), used: listTime(used) }))),
      isThis ? h('span.hint', {}, t('sessions.this')) : h('button', { onclick: () => attempt(client.call('endSession', { end: number }), remove) }, t('sessions.end')),
    ],
    actions: [others],
  });
}

/** What the user has asked for, and nobody has answered. */
function askedDialog(client) {
  listDialog({
    title: t('asked'),
    empty: t('asked.none'),
    load: async () => {
      const { friends, groups } = await client.call('asked');
      // An invitation says who invites; it is answered elsewhere.
      const wishes = groups.filter(({ id }) => id === undefined);
      return [...friends.map((user) => ({ what: 'friend', ...user })), ...wishes.map((group) => ({ what: 'group', id: group.groupid, ...group }))];
    },
    entry: ({ what, id, name, groupname, msg }, remove) => [
      avatar(what === 'group' ? `g${id}` : userKey(id), groupname ?? name), entryText(groupname ?? name, msg),
      h('button', { onclick: () => attempt(client.call('withdraw', { what, id }), remove) }, t('asked.withdraw')),
    ],
  });
}
