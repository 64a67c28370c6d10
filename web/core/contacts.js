// Friends, groups and friend requests: the lists of the login reply, the pages beyond them, and what notices change.

import { quietly } from './connection.js';
import { groupKey, MSGID, userKey } from './protocol.js';

const byId = (a, b) => a.id - b.id;

export class Contacts {
  /** `forget(conv)` removes a conversation that the user has no part in any more. */
  constructor({ store, model, connection, emit, forget }) {
    Object.assign(this, { store, model, connection, emit, forget });
  }

  /** Takes the lists of the login reply. Requests that are unanswered follow it as pushes. */
  async welcome({ friends, friends_total: friendsTotal, groups, groups_total: groupsTotal }) {
    const lists = { requests: [], invitations: [] };
    if (friends.length === friendsTotal) lists.friends = friends;
    if (groups.length === groupsTotal) lists.groups = groups.map((group) => this.withoutMembers(group));
    await this.change(lists);
    // A list that is cut must not replace a whole one that is known.
    if (!lists.friends) quietly(this.complete('friends', friends));
    if (!lists.groups) quietly(this.complete('groups', groups));
  }

  /** Told before it is stored, so that two changes at once cannot undo each other. */
  async change(lists) {
    this.emit({ type: 'lists', ...lists });
    await this.store.putLists(lists);
  }

  /** Asks for what follows the last entry of `list`, page by page. */
  async complete(key, list) {
    const msgid = key === 'friends' ? MSGID.FRIENDS : MSGID.GROUPS;
    const all = [...list];
    for (let more = true; more;) {
      const reply = await this.connection.demand({ msgid, after: all.at(-1)?.id ?? 0 });
      all.push(...reply[key]);
      more = reply.more;
    }
    const shown = key === 'groups' ? all.map((group) => this.withoutMembers(group)) : all;
    if (JSON.stringify(shown) !== JSON.stringify([...this.model[key].values()])) await this.change({ [key]: shown });
  }

  refresh() {
    return this.complete('friends', []);
  }

  async find({ keyword }) {
    const { users, groups } = await this.connection.demand({ msgid: MSGID.FIND, keyword });
    return { users, groups };
  }

  /** Makes a friend, or asks where the server wants that; whether an answer is waited for. */
  async befriend({ id }) {
    const { name, state, waiting } = await this.connection.demand({ msgid: MSGID.ADD_FRIEND, friendid: id });
    if (!waiting) await this.added({ id, name, state: state ?? 'offline' });
    return { waiting: Boolean(waiting) };
  }

  async ask({ id, msg }) {
    await this.connection.demand({ msgid: MSGID.FRIEND_REQUEST, friendid: id, msg });
  }

  async answer({ id, accept }) {
    await this.connection.demand({ msgid: MSGID.FRIEND_ANSWER, friendid: id, accept });
    await this.change({ requests: this.others('requests', id) });
    if (accept) await this.refresh();
  }

  async unfriend({ id }) {
    await this.connection.demand({ msgid: MSGID.DEL_FRIEND, friendid: id });
    await this.removed(id);
  }

  async create({ name, description }) {
    const request = { msgid: MSGID.CREATE_GROUP, groupname: name, groupdesc: description };
    const { groupid } = await this.connection.demand(request);
    await this.joined({ id: groupid, groupname: name, groupdesc: description, total: 1, role: 'creator', ...NEW_GROUP });
    return { id: groupid };
  }

  /** Joins, or asks where the group wants that; whether an answer is waited for. */
  async join({ id }) {
    const reply = await this.connection.demand({ msgid: MSGID.ADD_GROUP, groupid: id });
    if (!reply.waiting) await this.joined({ role: 'normal', ...reply, id });
    return { waiting: Boolean(reply.waiting) };
  }

  async quit({ id }) {
    await this.connection.demand({ msgid: MSGID.QUIT_GROUP, groupid: id });
    await this.left(id);
  }

  async disband({ id }) {
    await this.connection.demand({ msgid: MSGID.DEL_GROUP, groupid: id });
    await this.left(id);
  }

  /** A page of a group's members, by id. */
  async members({ id, after }) {
    const { groups, more } = await this.connection.demand({ msgid: MSGID.GROUPS, groupid: id, after });
    const [group] = groups;
    return { users: group.users, total: group.total, more };
  }

  /** A list without that entry. */
  others(list, id) {
    return [...this.model[list].values()].filter((entry) => entry.id !== id);
  }

  added(friend) {
    const friends = [...this.others('friends', friend.id), friend].sort(byId);
    return this.change({ friends, requests: this.others('requests', friend.id) });
  }

  removed(id) {
    return this.change({ friends: this.others('friends', id) });
  }

  joined(group) {
    const groups = [...this.others('groups', group.id), this.withoutMembers(group)].sort(byId);
    return this.change({ groups, invitations: this.others('invitations', group.id) });
  }

  /** What is known of a group has changed. */
  regrouped(id, changes) {
    const group = this.model.groups.get(id);
    return group && this.joined({ ...group, ...changes });
  }

  uninvited(id) {
    return this.change({ invitations: this.others('invitations', id) });
  }

  async left(id) {
    await this.change({ groups: this.others('groups', id) });
    await this.forget(groupKey(id));
  }

  resized(id, by) {
    const group = this.model.groups.get(id);
    return group && this.joined({ ...group, total: group.total + by });
  }

  /** A friend has another name, or other words about it. The name stays when the friendship does not. */
  async renamed({ id, name, ext }) {
    const record = { ...this.model.record(userKey(id)), name };
    await this.store.putConv(record);
    this.emit({ type: 'changed', list: [], records: [record] });
    const friend = this.model.friends.get(id);
    if (friend) await this.change({ friends: [...this.others('friends', id), { ...friend, name, ext }].sort(byId) });
  }

  /** A friend request came. */
  async asked({ id, name, msg }) {
    await this.change({ requests: [...this.others('requests', id), { id, name, msg }] });
    this.emit({ type: 'notice', kind: 'friend_request', id, name, conv: userKey(id) });
  }

  /** Somebody invites the user into a group. */
  async invited({ groupid, groupname, id, name }) {
    const invitation = { id: groupid, groupname, by: { id, name } };
    await this.change({ invitations: [...this.others('invitations', groupid), invitation] });
    this.emit({ type: 'notice', kind: 'group_invitation', name, group: groupname });
  }

  /** Takes a NOTICE. Kinds that nobody here knows are ignored. */
  async notice(notice) {
    const { groupid } = notice;
    const group = groupid && this.model.nameOf(groupKey(groupid));
    const told = await this.take(notice);
    if (told) this.emit({ ...notice, type: 'notice', kind: told, group, conv: groupid && groupKey(groupid) });
  }

  /** Changes the lists; what the user is told, if anything. */
  async take(notice) {
    const { kind, id, groupid, name, by, role, until, ext, state } = notice;
    const isOwn = id === this.model.me;
    switch (kind) {
      case 'friend_added':
        await this.added({ id, name, state: state ?? 'online' });
        return kind;
      case 'friend_removed':
        await this.removed(id);
        return kind;
      case 'group_joined':
        await (isOwn ? this.complete('groups', []) : this.resized(groupid, 1));
        return !isOwn && kind;
      case 'group_left':
        await (isOwn ? this.left(groupid) : this.resized(groupid, -1));
        return isOwn ? by !== undefined && 'group_kicked' : kind;
      case 'group_deleted':
        await this.left(groupid);
        return kind;
      case 'group_changed':
        await this.regrouped(groupid, pick(notice, GROUP_FIELDS));
        return false;
      case 'group_role':
        if (isOwn) await this.regrouped(groupid, { role });
        return isOwn && `group_role.${role}`;
      case 'group_muted':
        return isOwn && (until ? 'group_muted' : 'group_unmuted');
      case 'group_asked':
      case 'broadcast':
        return kind;
      case 'presence':
        // Not stored: at the next start all states are others.
        this.emit({ type: 'presence', id, state });
        return false;
      case 'profile':
        if (isOwn) await this.change({ name, profile: ext ?? {} });
        else await this.renamed({ id, name, ext });
        return false;
      default:
        return false;
    }
  }

  /** A group as the list has it. Members are asked for when somebody looks at them. */
  withoutMembers({ id, total, users, ...group }) {
    const role = group.role ?? users?.find((user) => user.id === this.model.me)?.role;
    return { id, total, ...pick({ ...group, role }, [...GROUP_FIELDS, 'role']) };
  }
}

const GROUP_FIELDS = ['groupname', 'groupdesc', 'join', 'speak', 'history'];
const NEW_GROUP = { join: 'open', speak: 'all', history: 'all' };

const pick = (from, keys) => Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
