// What the scenes share: people in real browsers, people who talk in lines, and waiting with a deadline.
//
//   node SCENE.mjs HOST:PORT
//
// tests/browser.rs starts a server and then a scene. It does what the scene prints as a line `do: WORDS` (`do: kill`), and
// answers with a line.
//
// A page that reports an error, an exception that nobody caught, or a violation of the content security policy fails the
// scene. While a scene takes the network away, the browser's own reports of that are excepted.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.env.STONECHAT_PEERS, 'x.js'));
const { chromium } = require('playwright-core');
export const { AxeBuilder } = require('@axe-core/playwright');

/** Whether there is time for what is tried seldom. */
export const isLong = process.env.STONECHAT_BROWSER_LONG === '1';
export const PASSWORD = 'correct horse battery';
/** How long a scene waits for something that a busy machine may be slow to do. */
const PATIENCE_MS = 30_000;
const SCENE_MS = 240_000;
/** What a browser says of a network that is not there. */
const NETWORK_ERRORS = /net::ERR_|WebSocket connection to '.*' failed|WebSocket is closed before/;

const [, , address] = process.argv;
export const BASE = `http://${address}/`;
export { assert, address };

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has tests/browser.rs do something: `kill`, `restart`, ... */
export async function command(words) {
  process.stdout.write(`do: ${words}\n`);
  const { value } = await answers.next();
  assert.equal(value, 'done', words);
}

/** Polls until `probe` gives something, and gives it back. */
export async function eventually(what, probe, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  for (let last; ; await new Promise((wake) => { setTimeout(wake, 50); })) {
    last = await probe();
    if (last) return last;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
}

/** A browser. `options` are those of Playwright's launch. */
export async function browser(...args) {
  const executablePath = process.env.STONECHAT_BROWSER ?? '/usr/bin/chromium';
  // Root has no sandbox; the pages are our own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

/** What went wrong in any page. */
const faults = [];
const tolerated = [];
let isNetworkGone = false;

/** What a browser reports like this is no fault. */
export const tolerate = (pattern) => tolerated.push(pattern);

/** Runs `act` while the network or the server may be away: the browsers' reports of that are no faults then. */
export async function withoutNetwork(act) {
  isNetworkGone = true;
  await act();
  isNetworkGone = false;
}

/** One person at one browser: a context with its own storage, and a page in it. */
export class Person {
  /** `options` are those of Playwright's context, and `base`, another address of the page. */
  static async arrive(at, name, { base = BASE, ...options } = {}) {
    const context = await at.newContext({ viewport: { width: 1100, height: 760 }, locale: 'en-GB', ...options });
    const person = new Person(context, name, base);
    await person.openPage();
    return person;
  }

  constructor(context, name, base) {
    Object.assign(this, { context, name, base });
  }

  /** Opens a (further) page; the person looks at it from now on. */
  async openPage(hash = '') {
    this.page = await this.context.newPage();
    watch(this.page, this.name);
    await this.page.goto(this.base + hash);
    return this.page;
  }

  /** The same person at another page of the same browser. */
  async secondTab(hash = '') {
    const other = new Person(this.context, this.name, this.base);
    await other.openPage(hash);
    return other;
  }

  async fillIn(mode) {
    await this.page.locator('.modes button').nth(mode).click();
    await this.page.locator('#name').fill(this.name);
    await this.page.locator('#pwd').fill(PASSWORD);
    await this.page.locator('form.signin [type=submit]').click();
  }

  async register() {
    await this.fillIn(1);
    await this.isOnline();
    return this;
  }

  async logIn() {
    await this.fillIn(0);
    await this.isOnline();
    return this;
  }

  isOnline() {
    return this.hasState('online');
  }

  async hasState(state) {
    await this.page.locator(`.sidebar[data-state=${state}]`).waitFor({ timeout: PATIENCE_MS });
  }

  row(name) {
    return this.page.locator('.sidebar .row', { has: this.page.locator('strong', { hasText: new RegExp(`^${name}$`) }) });
  }

  /** Opens a conversation of the list. */
  async opens(name) {
    await this.row(name).first().click();
    await this.page.locator('.pane h1', { hasText: name }).waitFor();
  }

  /** Looks for somebody, and opens what is found. */
  async finds(name) {
    await this.page.locator('.sidebar input').fill(name);
    await this.opens(name);
  }

  get box() {
    return this.page.locator('.composer textarea');
  }

  async says(text) {
    await this.box.fill(text);
    await this.box.press('Enter');
  }

  /** The texts of the open conversation, in their order. */
  texts(selector = '.message') {
    return this.page.locator(`${selector} .text`).allTextContents();
  }

  async sees(text) {
    await this.page.locator('.message .text', { hasText: text }).first().waitFor({ timeout: PATIENCE_MS });
  }

  /** Waits until exactly these texts are there, all of them stored. */
  seesAll(expected) {
    return this.seesTexts(expected, () => expected);
  }

  /** The same for a conversation of which the page may have the end only. */
  seesEnd(expected) {
    return this.seesTexts(expected, (seen) => expected.slice(-seen.length || expected.length));
  }

  async seesTexts(expected, wanted) {
    let seen;
    const isSo = async () => {
      const pending = await this.page.locator('.message.waiting, .message.failed').count();
      seen = await this.texts();
      return pending === 0 && JSON.stringify(seen) === JSON.stringify(wanted(seen));
    };
    await eventually(`the messages of ${this.name}`, isSo)
      .catch((error) => assert.deepEqual(seen, expected, `${error.message} (or some are not stored)`));
  }

  async close() {
    await this.context.close();
  }
}

/** Reports what goes wrong in a page. */
function watch(page, name) {
  const fault = (text) => faults.push(`${name}: ${text}`);
  page.on('pageerror', (error) => fault(error.stack));
  page.on('console', (message) => {
    const text = message.text();
    const isExpected = (isNetworkGone && NETWORK_ERRORS.test(text)) || tolerated.some((pattern) => pattern.test(text));
    if (message.type() === 'error' && !isExpected) fault(text);
  });
  page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
}

/** A connection that talks in lines, over plain TCP: for much in short time, and for a look at what is stored. */
export class Lines {
  static async arrive(name, { isNew = true, device } = {}) {
    const lines = new Lines(name);
    lines.open();
    if (isNew) await lines.ask({ msgid: 4, name, pwd: PASSWORD });
    lines.id = (await lines.ask({ msgid: 1, name, pwd: PASSWORD, ack: true, device })).id;
    return lines;
  }

  constructor(name) {
    this.name = name;
    this.waiting = new Map();
    this.pushes = [];
    this.tag = 0;
  }

  open() {
    const [host, port] = (process.env.STONECHAT_DIRECT ?? address).split(':');
    this.socket = connect(Number(port), host);
    this.socket.on('error', () => {});
    let rest = '';
    this.socket.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) this.take(JSON.parse(line));
    });
  }

  take(line) {
    if (!('errno' in line)) this.pushes.push(line);
    else {
      this.waiting.get(line.tag)(line);
      this.waiting.delete(line.tag);
    }
  }

  reply(request) {
    const tag = ++this.tag;
    return new Promise((resolve) => {
      this.waiting.set(tag, resolve);
      this.socket.write(`${JSON.stringify({ ...request, tag })}\n`);
    });
  }

  async ask(request) {
    const reply = await this.reply(request);
    assert.equal(reply.errno, 0, JSON.stringify([request, reply]));
    return reply;
  }

  async idOf(name) {
    const { users } = await this.ask({ msgid: 31, keyword: name });
    return users.find((user) => user.name === name).id;
  }

  say(toid, msg) {
    return this.ask({ msgid: 6, toid, msg });
  }

  /** Says many things; as many are on their way together as the server allows. */
  async sayAll(toid, texts) {
    for (let from = 0; from < texts.length; from += 64) {
      await Promise.all(texts.slice(from, from + 64).map((msg) => this.say(toid, msg)));
    }
  }

  /** All messages of a conversation, `{id}` or `{groupid}`. */
  async history(conversation) {
    const all = [];
    for (let more = true; more;) {
      const reply = await this.ask({ msgid: 43, ...conversation, after: all.at(-1)?.seq ?? 0, limit: 200 });
      all.push(...reply.messages);
      more = reply.more;
    }
    return all;
  }

  close() {
    this.socket.destroy();
  }
}

export const numbered = (what, count) => Array.from({ length: count }, (_, index) => `${what} ${index + 1}`);

/** Runs the scene, and ends the process. */
export async function play(scene) {
  setTimeout(() => fail(new Error('the scene does not end')), SCENE_MS).unref();
  try {
    await scene();
  } catch (error) {
    fail(error);
  }
  if (faults.length) fail(new Error(`pages reported:\n${faults.join('\n')}`));
  console.log('ok');
  process.exit(0);
}

function fail(error) {
  console.error(error.stack);
  if (faults.length) console.error(`pages reported:\n${faults.join('\n')}`);
  process.exit(1);
}
