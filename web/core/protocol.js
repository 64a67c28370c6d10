// The numbers and shapes of docs/protocol.md, as far as this client uses them.

export const MSGID = {
  LOGIN: 1, LOGOUT: 3, REGISTER: 4, ONE_CHAT: 6, ADD_FRIEND: 7, CREATE_GROUP: 8, ADD_GROUP: 9, GROUP_CHAT: 10,
  PING: 17, PONG: 18, DELIVERED: 20, DEL_FRIEND: 21, QUIT_GROUP: 23, DEL_GROUP: 25, FRIENDS: 27, GROUPS: 29,
  FIND: 31, FRIEND_REQUEST: 35, FRIEND_ANSWER: 37, HISTORY: 43, NOTICE: 49,
};

export const ERRNO = {
  CREDENTIALS: 1, ONLINE_ALREADY: 2, NO_SESSION: 401, TOO_SOON: 429, INTERNAL: 500, UNAVAILABLE: 503,
};

/** The longest text of a message, in bytes of UTF-8. A server may be set to less; then it answers 413. */
export const MESSAGE_BYTES_MAX = 8192;

/** A conversation's key: `u2` with user 2, `g3` in group 3. */
export const userKey = (id) => `u${id}`;
export const groupKey = (id) => `g${id}`;
export const isGroup = (key) => key.startsWith('g');
export const idOf = (key) => Number(key.slice(1));

/** How HISTORY and DELIVERED name a conversation. */
export const addressOf = (key) => (isGroup(key) ? { groupid: idOf(key) } : { id: idOf(key) });

/** The conversation of a message. What the user said elsewhere belongs to the conversation with its addressee. */
export function keyOf(message, me) {
  if (message.msgid === MSGID.GROUP_CHAT) return groupKey(message.groupid);
  return userKey(message.id === me ? message.toid : message.id);
}

/** The line that sends an item of the outbox. It is the same at every attempt, so that the server stores it once. */
export function chatLine({ conv, msg, cid }) {
  if (isGroup(conv)) return { msgid: MSGID.GROUP_CHAT, groupid: idOf(conv), msg, cid };
  return { msgid: MSGID.ONE_CHAT, toid: idOf(conv), msg, cid };
}

const encoder = new TextEncoder();
export const bytesOf = (text) => encoder.encode(text).length;

/** The address of the WebSocket beside this page. */
export function socketUrl() {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
}
