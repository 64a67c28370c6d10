// The user's own account: what others see of it, who must not write to it, its sessions, its password, its end.

import { MSGID } from './protocol.js';

export class Owner {
  constructor({ model, connection, contacts }) {
    Object.assign(this, { model, connection, contacts });
  }

  /** What others see of the user, beside the name. */
  async profile() {
    const { me, profile } = this.model;
    const { users } = await this.contacts.find({ keyword: String(me) });
    return users.find(({ id }) => id === me)?.ext ?? profile;
  }

  /** `name`, and `about`, a few words about oneself. */
  async setProfile({ name, about }) {
    const profile = { ...this.model.profile, about: about || undefined };
    const isRenamed = name !== this.model.name;
    const reply = await this.connection.demand({ msgid: MSGID.PROFILE, name: isRenamed ? name : undefined, ext: profile });
    await this.contacts.change({ name: reply.name, profile: reply.ext ?? {} });
  }

  async setPassword({ pwd, fresh }) {
    await this.connection.demand({ msgid: MSGID.PASSWORD, pwd, new: fresh });
  }

  async sessions() {
    const { sessions } = await this.connection.demand({ msgid: MSGID.SESSIONS });
    return sessions;
  }

  /** Ends a session by its number, or all `"others"`; those that are left. */
  async endSession({ end }) {
    const { sessions } = await this.connection.demand({ msgid: MSGID.SESSIONS, end });
    return sessions ?? this.sessions();
  }

  async erase({ pwd }) {
    await this.connection.demand({ msgid: MSGID.ERASE, pwd });
  }

  /** Blocks a user, or lets the user write again. */
  async block({ id, name, on }) {
    await this.connection.demand({ msgid: MSGID.BLOCK, id, on });
    const blocked = this.contacts.others('blocked', id);
    await this.contacts.change({
      blocked: on ? [...blocked, { id, name }] : blocked,
      // A block ends a friendship.
      ...(on && { friends: this.contacts.others('friends', id), requests: this.contacts.others('requests', id) }),
    });
  }

  async refreshBlocked() {
    const blocked = [];
    for (let more = true; more;) {
      const reply = await this.connection.demand({ msgid: MSGID.BLOCKED, after: blocked.at(-1)?.id });
      blocked.push(...reply.users);
      more = reply.more && reply.users.length > 0;
    }
    await this.contacts.change({ blocked });
  }

  /** What the user has asked for and what nobody has answered yet. */
  async asked() {
    const { friends, groups } = await this.connection.demand({ msgid: MSGID.ASKED });
    return { friends, groups };
  }

  async withdraw({ what, id }) {
    const whom = what === 'group' ? { groupid: id } : { id };
    await this.connection.demand({ msgid: MSGID.ASKED, withdraw: what, ...whom });
  }
}
