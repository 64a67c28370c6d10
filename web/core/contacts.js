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
    const lists = { requests: [] };
    if (friends.length === friendsTotal) lists.friends = friends;
    if (groups.length === groupsTotal) lists.groups = groups.map(withoutMembers);
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
    const shown = key === 'groups' ? all.map(withoutMembers) : all;
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
    await this.joined({ id: groupid, groupname: name, groupdesc: description, total: 1 });
    return { id: groupid };
  }

  async join({ id }) {
    const { groupname, groupdesc, total } = await this.connection.demand({ msgid: MSGID.ADD_GROUP, groupid: id });
    await this.joined({ id, groupname, groupdesc, total });
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
    return this.change({ groups: [...this.others('groups', group.id), group].sort(byId) });
  }

  async left(id) {
    await this.change({ groups: this.others('groups', id) });
    await this.forget(groupKey(id));
  }

  resized(id, by) {
    const group = this.model.groups.get(id);
    return group && this.joined({ ...group, total: group.total + by });
  }

  /** A friend request came. */
  async asked({ id, name, msg }) {
    await this.change({ requests: [...this.others('requests', id), { id, name, msg }] });
    this.emit({ type: 'notice', kind: 'friend_request', id, name, conv: userKey(id) });
  }

  /** Takes a NOTICE. Kinds that nobody here knows are ignored. */
  async notice(notice) {
    const { kind, id, groupid, name } = notice;
    const isOwn = id === this.model.me;
    const group = groupid && this.model.nameOf(groupKey(groupid));
    if (kind === 'friend_added') await this.added({ id, name, state: 'online' });
    else if (kind === 'friend_removed') await this.removed(id);
    else if (kind === 'group_joined') await (isOwn ? this.complete('groups', []) : this.resized(groupid, 1));
    else if (kind === 'group_left') await (isOwn ? this.left(groupid) : this.resized(groupid, -1));
    else if (kind === 'group_deleted') await this.left(groupid);
    else return;
    if (!isOwn) this.emit({ type: 'notice', kind, name, group, conv: groupid && groupKey(groupid) });
  }
}

/** Members are asked for when somebody looks at them. */
function withoutMembers({ id, groupname, groupdesc, total }) {
  return { id, groupname, groupdesc, total };
}
