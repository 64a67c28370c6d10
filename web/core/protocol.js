// The numbers and shapes of docs/protocol.md, as far as this client uses them.

export const MSGID = {
  LOGIN: 1, LOGOUT: 3, REGISTER: 4, ONE_CHAT: 6, ADD_FRIEND: 7, CREATE_GROUP: 8, ADD_GROUP: 9, GROUP_CHAT: 10,
  PING: 17, PONG: 18, DELIVERED: 20, DEL_FRIEND: 21, QUIT_GROUP: 23, DEL_GROUP: 25, FRIENDS: 27, GROUPS: 29,
  FIND: 31, FRIEND_REQUEST: 35, FRIEND_ANSWER: 37, HISTORY: 43, READ: 45, RECEIPT: 46, CONVERSATIONS: 47, NOTICE: 49,
  TYPING: 50, CONVERSATION_SET: 51, BLOCK: 53, BLOCKED: 55, EDIT: 57, RECALL: 59, REACT: 61, SEARCH: 63, RECEIPTS: 65,
  GROUP_SET: 67, GROUP_ROLE: 69, GROUP_KICK: 71, GROUP_BANS: 73, GROUP_MUTE: 75, GROUP_INVITE: 77, GROUP_ANSWER: 79,
  GROUP_REQUESTS: 81, PASSWORD: 83, SESSIONS: 85, PROFILE: 87, ERASE: 89, ASKED: 91,
};

export const ERRNO = {
  CREDENTIALS: 1, ONLINE_ALREADY: 2, NO_SESSION: 401, TOO_SOON: 429, INTERNAL: 500, UNAVAILABLE: 503,
};

/** The longest text of a message, in bytes of UTF-8. A server may be set to less; then it answers 413. */
export const MESSAGE_BYTES_MAX = 8192;
/** The longest reaction, likewise. */
export const REACTION_BYTES_MAX = 32;

/** A conversation's key: `u2` with user 2, `g3` in group 3. */
export const userKey = (id) => `u${id}`;
export const groupKey = (id) => `g${id}`;
export const isGroup = (key) => key.startsWith('g');
export const idOf = (key) => Number(key.slice(1));

/** How requests name a conversation, all but those that send a message. */
export const addressOf = (key) => (isGroup(key) ? { groupid: idOf(key) } : { id: idOf(key) });

/** The conversation of a push. What the user said elsewhere belongs to the conversation with its addressee. */
export function keyOf({ groupid, id, toid }, me) {
  if (groupid !== undefined) return groupKey(groupid);
  return userKey(id === me ? toid : id);
}

/** The line that sends an item of the outbox. It is the same at every attempt, so that the server stores it once. */
export function chatLine({ conv, msg, ext, cid }) {
  if (isGroup(conv)) return { msgid: MSGID.GROUP_CHAT, groupid: idOf(conv), msg, ext, cid };
  return { msgid: MSGID.ONE_CHAT, toid: idOf(conv), msg, ext, cid };
}

const encoder = new TextEncoder();
export const bytesOf = (text) => encoder.encode(text).length;

/** The address of the WebSocket beside this page. */
export function socketUrl() {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
}
