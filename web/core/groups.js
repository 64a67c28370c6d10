// What creator and admins do in a group, and invitations.

import { MSGID } from './protocol.js';

export class Groups {
  /** `contacts` keeps the lists. */
  constructor({ connection, contacts }) {
    Object.assign(this, { connection, contacts });
  }

  /** Asks for something in the group `id`, about `user` or about nobody. */
  demand(msgid, { id, user, ...rest }) {
    return this.connection.demand({ msgid, groupid: id, id: user, ...rest });
  }

  /** Changes any of `groupname`, `groupdesc`, `join`, `speak`, `history`. */
  async setGroup({ id, ...changes }) {
    await this.demand(MSGID.GROUP_SET, { id, ...changes });
    await this.contacts.regrouped(id, changes);
  }

  /** Gives a member a role: `admin`, `normal`, or `creator`, which hands the group over. */
  async setRole(request) {
    await this.demand(MSGID.GROUP_ROLE, request);
    if (request.role === 'creator') await this.contacts.regrouped(request.id, { role: 'admin' });
  }

  kick(request) {
    return this.demand(MSGID.GROUP_KICK, request);
  }

  /** Who is banned; with `lift`, a user who is no longer. */
  async bans(request) {
    return (await this.demand(MSGID.GROUP_BANS, request)).users;
  }

  /** Lets a member say nothing for so many `seconds`; 0 ends it. */
  silence(request) {
    return this.demand(MSGID.GROUP_MUTE, request);
  }

  invite(request) {
    return this.demand(MSGID.GROUP_INVITE, request);
  }

  /** Who wishes to join. */
  async wishes(request) {
    return (await this.demand(MSGID.GROUP_REQUESTS, request)).users;
  }

  /** Answers a user's wish to join. */
  answerWish(request) {
    return this.demand(MSGID.GROUP_ANSWER, request);
  }

  async answerInvitation({ id, accept }) {
    const reply = await this.demand(MSGID.GROUP_ANSWER, { id, accept });
    await this.contacts.uninvited(id);
    if (accept) await this.contacts.joined({ ...reply, id, role: 'normal' });
  }
}
