// What has to be there before IndexedDB is open, or at the very moment of a key press: the account, the drafts, and the
// journal of messages that are on their way into the outbox. All of it is in localStorage.

import { shortId } from './ids.js';

const ACCOUNT = 'stonechat.account';
const DEVICE = 'stonechat.device';

/** The account that is logged in: `{id, name, token}`, or null. One that was renamed has a `scope`: its first name here. */
export function account() {
  try {
    return JSON.parse(localStorage.getItem(ACCOUNT));
  } catch {
    return null;
  }
}

export function setAccount(value) {
  if (value) localStorage.setItem(ACCOUNT, JSON.stringify(value));
  else localStorage.removeItem(ACCOUNT);
}

/** Calls `then` when another tab logs in or out. */
export function onAccountChange(then) {
  let { token } = account() ?? {};
  addEventListener('storage', (event) => {
    if ((event.key !== ACCOUNT && event.key !== null) || account()?.token === token) return;
    token = account()?.token;
    then();
  });
}

/** This browser's name at the server, which keeps a place in every conversation for each device. */
export function device() {
  let name = localStorage.getItem(DEVICE);
  if (!name) {
    name = `web-${shortId()}`;
    localStorage.setItem(DEVICE, name);
  }
  return name;
}

/** Names what belongs to one account. Ids are given out again when a server starts with empty data, names seldom. */
export const scopeOf = ({ id, name, scope = name }) => `${id}.${scope}`;

/** Small texts of one account, each under a key: they are written at once, and survive the end of the tab. */
class Shelf {
  constructor(kind, scope) {
    this.prefix = `stonechat.${kind}.${scope}.`;
  }

  get(key) {
    return localStorage.getItem(this.prefix + key) ?? '';
  }

  /** An empty text is removed. A full storage is no reason to fail: the text is still in its box. */
  set(key, text) {
    try {
      if (text) localStorage.setItem(this.prefix + key, text);
      else localStorage.removeItem(this.prefix + key);
    } catch (error) {
      console.warn('localStorage is full', error);
    }
  }

  keys() {
    return Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).map((key) => key.slice(this.prefix.length));
  }

  clear() {
    for (const key of this.keys()) localStorage.removeItem(this.prefix + key);
  }
}

/** What is typed and not sent, by conversation. */
export const drafts = (scope) => new Shelf('draft', scope);
/** Messages that were sent but may not have reached the outbox in IndexedDB, by `cid`. */
export const journal = (scope) => new Shelf('journal', scope);
