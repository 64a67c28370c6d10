// Parts of the client without a browser, for what a real server does seldom: errno 503, refusals, data that went back, waits.
import { mock } from 'node:test';
import { Connection, Disconnected } from '../../web/core/connection.js';
import { Inbox } from '../../web/core/inbox.js';
import { Lane } from '../../web/core/lane.js';
import { Model } from '../../web/core/model.js';
import { Outbox } from '../../web/core/outbox.js';
import { assert, eventually, play } from './harness.mjs';

const ME = 1;

/** A store that keeps nothing. */
const store = new Proxy({}, { get: () => async () => undefined });

/** A connection whose requests are answered by `reply(request)`; a promise may come later. */
class FakeConnection {
  constructor(reply) {
    this.reply = reply;
    this.asked = [];
    this.told = [];
  }

  isOnline() { return true; }

  async ask(request) {
    this.asked.push(request);
    return this.reply(request);
  }

  tell(line) { this.told.push(line); }

  lose() { this.isLost = true; }
}

function parts(reply) {
  const model = new Model({ id: ME, name: 'anna' });
  const connection = new FakeConnection(reply);
  const emit = (event) => model.apply(event);
  return { model, connection, shared: { store, model, connection, emit } };
}

function outbox(reply) {
  const all = parts(reply);
  const box = new Outbox({ ...all.shared, lane: new Lane(), acknowledged: () => {} });
  const say = (n, conv, msg) => {
    const item = { n, conv, msg, cid: `cid ${n}`, time: '2026-01-01T00:00:00.000Z' };
    all.model.apply({ type: 'queued', item });
    box.queue(item);
  };
  return { ...all, box, say };
}

const stored = ({ cid }) => ({ errno: 0, cid, seq: Number(cid.split(' ')[1]), time: '2026-01-01T00:00:00.000Z' });

async function refusedForAMoment() {
  let refusals = 2;
  const { connection, say, model } = outbox((request) => (request.toid === 2 && refusals-- > 0 ? { errno: 503 } : stored(request)));
  say(1, 'u2', 'first');
  say(2, 'u2', 'second');
  say(3, 'u3', 'elsewhere');
  await eventually('all to be stored', () => model.outbox.size === 0);
  const toBen = connection.asked.filter(({ toid }) => toid === 2);
  assert.deepEqual(toBen.map(({ msg }) => msg), ['first', 'first', 'first', 'second'], 'in their order, whatever is in between');
  assert.deepEqual(toBen[0], toBen[1], 'the very same line');
  assert.equal(connection.asked[1].msg, 'elsewhere', 'other conversations do not wait');
}

async function refusedForGood() {
  const { model, say, connection } = outbox((request) => (request.msg === 'bad' ? { errno: 403, errmsg: 'no' } : stored(request)));
  say(1, 'g2', 'bad');
  say(2, 'g2', 'good');
  await eventually('the second one to be stored', () => !model.outbox.has('cid 2'));
  assert.deepEqual(model.outbox.get('cid 1').failed, { errno: 403, errmsg: 'no' });
  assert.deepEqual(connection.asked.map(({ groupid, msg, msgid }) => [msgid, groupid, msg]), [[10, 2, 'bad'], [10, 2, 'good']]);
}

async function manyAtOnce() {
  const waiting = [];
  const { connection, say } = outbox((request) => new Promise((resolve) => { waiting.push(() => resolve(stored(request))); }));
  for (let n = 1; n <= 100; n += 1) say(n, `u${n + 1}`, 'hello');
  await eventually('some to be sent', () => waiting.length);
  assert.equal(connection.asked.length, 64, 'at most 64 are on their way');
  waiting.shift()();
  await eventually('the next one', () => connection.asked.length === 65);
}

/** An inbox, and what the server has at the place of the highest push. */
function inbox(there) {
  const all = parts(() => there);
  let count = 0;
  const startAnew = async () => {
    count += 1;
    all.model.apply({ type: 'anew', records: [] });
    box.begin();
  };
  const box = new Inbox({ ...all.shared, startAnew });
  return { ...all, box, timesAnew: () => count };
}

const push = (seq, id = 2, time = `2026-01-01T00:00:0${seq}.000Z`) => ({ msgid: 6, id, toid: id === ME ? 2 : ME, name: 'ben', msg: `message ${seq}`, time, seq });

async function pushedTwice() {
  const { box, model, connection, timesAnew } = inbox({ errno: 0, messages: [push(3)] });
  await box.take([push(1), push(2), push(3)]);
  assert.deepEqual(connection.told, [{ msgid: 20, id: 2, seq: 3 }], 'the last one of a burst is confirmed');
  await box.take([push(2), push(3), push(4)]);
  assert.equal(timesAnew(), 0);
  assert.deepEqual(connection.asked, [{ msgid: 43, id: 2, before: 4, limit: 1 }], 'one question is enough');
  assert.equal(model.record('u2').unread, 4, 'each counts once');
  assert.deepEqual(connection.told.at(-1), { msgid: 20, id: 2, seq: 4 });
}

async function dataWentBack() {
  for (const messages of [[], [push(2)], [push(3, 2, '2026-02-02T00:00:00.000Z')], [push(3, ME)]]) {
    const { box, model, timesAnew } = inbox({ errno: 0, messages });
    await box.take([push(1), push(2), push(3)]);
    const again = push(3, 2, '2026-02-02T00:00:00.000Z');
    await box.take([again]);
    assert.equal(timesAnew(), 1);
    assert.equal(model.record('u2').top.time, again.time, 'the push is shown');
  }
  const { box, model, connection, timesAnew } = inbox({ errno: 503 });
  await box.take([push(3)]);
  await assert.rejects(box.take([push(2), push(5)]), Disconnected);
  assert(connection.isLost, 'nothing is counted before the answer is known');
  assert.deepEqual([timesAnew(), model.record('u2').top.seq], [0, 3]);
}

async function saidElsewhere() {
  const { box, model } = inbox();
  await box.take([push(7), push(8)]);
  assert.deepEqual([model.record('u2').unread, model.record('u2').read], [2, 6], 'a new device: what is older counts as read');
  await box.take([push(9, ME)]);
  assert.deepEqual([model.record('u2').unread, model.record('u2').read], [0, 9], 'who answers elsewhere has read there');
}

async function ownMessages() {
  const { box, connection } = inbox();
  await box.take([push(1)]);
  box.acknowledged('u2', 2);
  assert.deepEqual(connection.told.at(-1), { msgid: 20, id: 2, seq: 2 });
  box.acknowledged('u2', 4);
  assert.deepEqual(connection.told.at(-1), { msgid: 20, id: 2, seq: 2 }, 'the push of 3 has not come: it is not confirmed');
  await box.take([push(3)]);
  assert.deepEqual(connection.told.at(-1), { msgid: 20, id: 2, seq: 3 });
}

/** Connects to nothing, again and again; how long it waits in between. */
function waits() {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  globalThis.WebSocket = class {
    constructor() { setTimeout(() => this.onclose({}), 1); }

    close() {}
  };
  const listeners = {};
  globalThis.addEventListener = (name, listener) => { listeners[name] = listener; };
  globalThis.document = { addEventListener() {} };
  const found = [];
  const changed = ({ state, until }) => { if (state === 'waiting') found.push(until - Date.now()); };
  const hooks = { changed, lost() {}, pushed() {}, welcomed() {} };
  const connection = new Connection({ url: 'ws://nowhere', login: () => ({}), hooks });
  connection.start();
  for (let attempt = 0; attempt < 9; attempt += 1) {
    mock.timers.tick(1);
    mock.timers.tick(Math.ceil(found.at(-1)));
  }
  [1, 2, 4, 8, 16, 30, 30].forEach((seconds, attempt) => {
    const wait = found[attempt] / 1000;
    assert(wait >= seconds / 2 && wait <= seconds, `wait ${attempt}: ${wait} s`);
  });
  mock.timers.tick(1);
  assert.equal(connection.status.state, 'waiting');
  listeners.online();
  assert.equal(connection.status.state, 'connecting', 'at once when the network is back');
  mock.timers.reset();
}

play(async () => {
  await refusedForAMoment();
  await refusedForGood();
  await manyAtOnce();
  await pushedTwice();
  await dataWentBack();
  await saidElsewhere();
  await ownMessages();
  waits();
});
