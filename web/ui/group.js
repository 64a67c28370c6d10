// The details of a group: its members, and what creator and admins may do.

import { groupKey, userKey } from '../core/protocol.js';
import { t } from '../i18n.js';
import { avatar } from './avatar.js';
import { showDialog } from './dialog.js';
import { h, icon, named } from './dom.js';
import { attempt, attemptAfter, formDialog, NAME_CHARS_MAX, peopleDialog, TEXT_CHARS_MAX } from './forms.js';
import { showMenu } from './menu.js';
import { aboutOf, dotted } from './text.js';
import { toast } from './toast.js';
import { viewButtons } from './view.js';

const CHOICES = { join: ['open', 'ask', 'invite'], speak: ['all', 'admins'], history: ['all', 'joined'] };
const HOUR = 3600;
const DAY = 24 * HOUR;

const isLeading = (role) => role === 'creator' || role === 'admin';

export function groupDialog(client, id, open) {
  const { model } = client;
  const group = model.groups.get(id);
  if (!group) return;
  const list = h('ul.members');
  const heading = h('h3', {}, t('members', { n: group.total }));
  const more = h('button.quiet', { hidden: true }, t('more'));
  const leading = h('div.actions.leading');
  const actions = h('div.actions');
  let last = 0;
  let { role } = group;
  const reload = () => {
    last = 0;
    load();
  };
  const showActions = () => {
    const [call, what] = role === 'creator' ? ['disband', 'group.delete'] : ['quit', 'group.quit'];
    const leave = () => {
      close();
      attemptAfter({ title: group.groupname, text: t(`${what}.text`), label: t(what) }, () => client.call(call, { id }));
    };
    actions.replaceChildren(h('button.danger', { onclick: leave }, t(what)));
    leading.replaceChildren(...leadingButtons(client, model.groups.get(id) ?? group, role));
  };
  const load = () => attempt(client.call('members', { id, after: last }), (page) => {
    if (last === 0) list.replaceChildren();
    last = page.users.at(-1)?.id ?? last;
    role = page.users.find((user) => user.id === model.me)?.role ?? role;
    list.append(...page.users.map((user) => memberRow({ client, group, role, open, reload }, user)));
    heading.textContent = t('members', { n: page.total });
    more.hidden = !page.more;
    showActions();
  });
  more.addEventListener('click', load);
  const close = showDialog(group.groupname, () => [
    group.groupdesc && h('p', { dir: 'auto' }, group.groupdesc), viewButtons(client, groupKey(id)), leading, heading, list, more, actions,
  ]);
  load();
}

/** What one may do with the whole group. */
function leadingButtons(client, group, role) {
  if (!client.model.isModern) return [];
  const button = (key, act) => h('button', { onclick: () => act(client, group) }, t(key));
  return [
    (isLeading(role) || group.join === 'open') && button('group.invite', inviteDialog),
    isLeading(role) && button('group.settings', settingsDialog),
    isLeading(role) && button('group.wishes', wishesDialog),
    isLeading(role) && button('group.bans', bansDialog),
  ].filter(Boolean);
}

function settingsDialog(client, group) {
  const choice = (name) => ({
    name, label: t(`group.${name}`), value: group[name], options: CHOICES[name].map((key) => [key, t(`group.${name}.${key}`)]),
  });
  const isChanged = ([key, value]) => value !== (group[key] ?? '');
  formDialog({
    title: t('group.settings'),
    fields: [
      { name: 'groupname', label: t('group.name'), max: NAME_CHARS_MAX, required: true, value: group.groupname },
      { name: 'groupdesc', label: t('group.description'), max: TEXT_CHARS_MAX, value: group.groupdesc },
      ...Object.keys(CHOICES).map(choice),
    ],
    label: t('save'),
    send: (values) => client.call('setGroup', { id: group.id, ...Object.fromEntries(Object.entries(values).filter(isChanged)) }),
    done: () => toast(t('saved')),
  });
}

function inviteDialog(client, { id }) {
  const invite = (user, name, remove) => attempt(client.call('invite', { id, user }), () => {
    remove();
    toast(t('group.invited', { name }));
  });
  peopleDialog({
    title: t('group.invite'), text: t('group.invite.text'), empty: t('friends.none'),
    load: async () => [...client.model.friends.values()],
    buttons: ({ id: user, name }, remove) => h('button', { onclick: () => invite(user, name, remove) }, t('group.invite')),
  });
}

function wishesDialog(client, { id }) {
  peopleDialog({
    title: t('group.wishes'), empty: t('group.wishes.none'),
    load: () => client.call('wishes', { id }),
    buttons: ({ id: user }, remove) => {
      const answer = (accept) => () => attempt(client.call('answerWish', { id, user, accept }), remove);
      return [h('button.primary', { onclick: answer(true) }, t('accept')), h('button', { onclick: answer(false) }, t('decline'))];
    },
  });
}

function bansDialog(client, { id }) {
  peopleDialog({
    title: t('group.bans'), empty: t('group.bans.none'),
    load: () => client.call('bans', { id }),
    buttons: ({ id: lift }, remove) => h('button', { onclick: () => attempt(client.call('bans', { id, lift }), remove) }, t('group.unban')),
  });
}

function memberRow({ client, group, role, open, reload }, user) {
  const { id, name, state, role: theirs } = user;
  const conv = userKey(id);
  const words = dotted(t(`state.${state}`), isLeading(theirs) && t(`role.${theirs}`), aboutOf(user));
  const label = [avatar(conv, name, state), h('span.lines', {}, h('strong', { dir: 'auto' }, name), h('span.preview', { dir: 'auto' }, words))];
  if (id === client.model.me) return h('li', {}, h('span.row', {}, label));
  const onclick = () => {
    document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
    open(conv, name);
  };
  const items = memberItems({ client, group, role, reload }, user);
  const menu = items.length > 0 && h('button.round', {
    ...named(t('member.acts', { name })), 'aria-haspopup': 'menu', onclick: (event) => showMenu(event.currentTarget, { label: name, items }),
  }, icon('more'));
  return h('li.member', {}, h('button.row', { onclick }, label), menu);
}

/** What one may do with a member: downwards only. */
function memberItems({ client, group, role, reload }, { id: user, name, role: theirs }) {
  const isAbove = client.model.isModern && (role === 'creator' || (role === 'admin' && theirs === 'normal'));
  if (!isAbove) return [];
  const { id } = group;
  const item = (key, call, args, then = () => toast(t('done'))) => ({
    label: t(key), act: () => attempt(client.call(call, { id, user, ...args }), () => { then(); reload(); }),
  });
  const asked = (key, call, args) => ({
    label: t(key), isDanger: true,
    act: () => attemptAfter({ title: name, text: t(`${key}.text`, { name }), label: t(key) }, () => client.call(call, { id, user, ...args }).then(reload)),
  });
  return [
    role === 'creator' && (theirs === 'admin' ? item('member.normal', 'setRole', { role: 'normal' }) : item('member.admin', 'setRole', { role: 'admin' })),
    role === 'creator' && asked('member.creator', 'setRole', { role: 'creator' }),
    item('member.mute.hour', 'silence', { seconds: HOUR }),
    item('member.mute.day', 'silence', { seconds: DAY }),
    item('member.unmute', 'silence', { seconds: 0 }),
    asked('member.kick', 'kick', { ban: false }),
    asked('member.ban', 'kick', { ban: true }),
  ].filter(Boolean);
}
