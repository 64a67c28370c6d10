// Which of the tabs of one account holds the connection, and how they talk.
//
// Where the page is secure a Web Lock decides. Elsewhere the tabs ask each other: a tab that hears no leader for a while
// claims the place, and of several that claim or lead the one with the lowest id stays. Answers do not depend on timers,
// which browsers slow down in hidden tabs.

import { uuid } from './ids.js';

const ASK_MS = 1000;
const SILENT_ASKS_MAX = 3;
const CLAIM_MS = 400;

export class Tabs {
  /** Hooks: `lead()`, `follow()` (a leader steps down), `contested()` (another one did), `heard(message)`. */
  constructor(scope, hooks) {
    this.hooks = hooks;
    this.id = uuid();
    this.isLeader = false;
    this.name = `stonechat.${scope}`;
    this.channel = new BroadcastChannel(this.name);
    this.channel.onmessage = ({ data }) => this.take(data);
  }

  start() {
    this.election = navigator.locks ? new LockElection(this) : new AskedElection(this);
    this.election.start();
  }

  post(message) {
    this.channel.postMessage({ ...message, from: this.id });
  }

  stop() {
    this.election?.stop();
    this.channel.close();
  }

  take(message) {
    if (message.k === 'election') this.election?.heard?.(message);
    else this.hooks.heard(message);
  }

  lead() {
    this.isLeader = true;
    this.hooks.lead();
  }

  follow() {
    this.isLeader = false;
    this.hooks.follow();
  }
}

class LockElection {
  constructor(tabs) {
    this.tabs = tabs;
    this.abort = new AbortController();
  }

  start() {
    const held = new Promise((release) => { this.release = release; });
    const lead = () => {
      this.tabs.lead();
      return held;
    };
    navigator.locks.request(this.tabs.name, { signal: this.abort.signal }, lead).catch(() => {});
  }

  stop() {
    this.abort.abort();
    this.release();
  }
}

class AskedElection {
  constructor(tabs) {
    this.tabs = tabs;
    this.silent = 0;
    this.onLeave = () => this.tabs.isLeader && this.say('bye');
  }

  start() {
    addEventListener('pagehide', this.onLeave);
    // A page that comes back out of the browser's cache has missed everything.
    addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
    this.claim();
  }

  stop() {
    this.onLeave();
    removeEventListener('pagehide', this.onLeave);
    clearTimeout(this.timer);
    this.stopped = true;
  }

  say(word) {
    this.tabs.post({ k: 'election', word });
  }

  heard({ word, from }) {
    if (this.stopped) return;
    const isBelow = from < this.tabs.id;
    if (this.tabs.isLeader) {
      if (word === 'lead' && isBelow) {
        this.tabs.follow();
        this.wait();
      } else if (word !== 'bye') {
        this.say('lead');
        if (word === 'lead') this.tabs.hooks.contested();
      }
    } else if (word === 'lead' || (word === 'claim' && isBelow)) {
      this.wait();
    } else if (word === 'bye') {
      this.claim();
    }
  }

  /** Somebody leads; asks now and then whether that is still so. */
  wait() {
    clearTimeout(this.timer);
    this.silent = 0;
    this.timer = setTimeout(() => this.ask(), ASK_MS);
  }

  ask() {
    if (++this.silent > SILENT_ASKS_MAX) return this.claim();
    this.say('ask');
    this.timer = setTimeout(() => this.ask(), ASK_MS);
  }

  claim() {
    clearTimeout(this.timer);
    this.say('claim');
    this.timer = setTimeout(() => {
      this.tabs.lead();
      this.say('lead');
    }, CLAIM_MS);
  }
}
