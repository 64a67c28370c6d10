// echo.mjs HOST:PORT WHAT: tries examples/echo.rs with npm's `ws`. WHAT is one of the functions below.
import assert from "node:assert/strict";
import { on, once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const require = createRequire(join(process.env.STONECHAT_PEERS, "x.js"));
const { WebSocket } = require("ws");

// The longest message that the example takes, in bytes.
const LIMIT = 1024 * 1024;
const MESSAGES = 100_000;
// Every code that an end may send (RFC 6455, section 7.4, and IANA's list).
const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const CHARACTERS = [..."abc 0123456789{}\":,\\ü中😀\0\u2028\u0301"];

const [addr, what] = process.argv.slice(2);
const uri = `ws://${addr}/ws`;

async function open(options = {}) {
  const ws = new WebSocket(uri, options);
  // Listened to from the beginning: what comes early is kept.
  ws.messages = on(ws, "message", { close: ["close", "error"] });
  await once(ws, "open");
  return ws;
}

async function expect(ws, message) {
  const { value, done } = await ws.messages.next();
  assert(!done, "the connection was closed");
  const [data, isBinary] = value;
  assert(!isBinary);
  const echoed = data.toString();
  assert(echoed === message, `${echoed.length} units instead of ${message.length}: ${echoed.slice(0, 50)}`);
}

function bye(ws, code, reason) {
  const closed = once(ws, "close");
  ws.close(code, reason);
  return closed;
}

// The same numbers in each run.
function dice(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

async function sizes() {
  const ws = await open({ perMessageDeflate: { threshold: 0, clientMaxWindowBits: 10, serverNoContextTakeover: true } });
  assert.equal(ws.extensions, "", "compression is declined");
  for (const size of [0, 1, 2, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, LIMIT - 1, LIMIT]) {
    ws.send("x".repeat(size));
    await expect(ws, "x".repeat(size));
  }
  // The limit counts bytes: two to each of these.
  ws.send("ü".repeat(LIMIT / 2));
  await expect(ws, "ü".repeat(LIMIT / 2));
  await bye(ws, 1000);
  const large = await open();
  large.send("the last one");
  await expect(large, "the last one");
  large.send("x".repeat(LIMIT + 1));
  assert.equal((await once(large, "close"))[0], 1009);
}

async function fragments() {
  const below = dice(6455);
  const ws = await open();
  const pongs = on(ws, "pong");
  for (let number = 0; number < 500; number++) {
    const text = Array.from({ length: below(300) }, () => CHARACTERS[below(CHARACTERS.length)]).join("");
    const whole = Buffer.from(text);
    // Where characters are cut, too; some fragments are empty.
    const cuts = Array.from({ length: below(5) }, () => below(whole.length + 1)).sort((one, other) => one - other);
    for (const [nth, end] of [...cuts, whole.length].entries()) {
      const last = nth === cuts.length;
      ws.send(whole.subarray(cuts[nth - 1] ?? 0, end), { binary: false, fin: last });
      ws.pong("nobody asked");
      if (!last && nth === 1) ws.ping(`${number}`);
    }
    await expect(ws, text);
    if (cuts.length > 1) assert.equal((await pongs.next()).value[0].toString(), `${number}`);
  }
  await bye(ws, 1000);
}

async function pings() {
  const ws = await open();
  const pongs = on(ws, "pong");
  for (let size = 0; size < 126; size++) {
    const payload = Buffer.from(Array.from({ length: size }, (_, at) => (size + at) % 256));
    ws.ping(payload);
    assert.deepEqual((await pongs.next()).value[0], payload);
    ws.pong(payload);
  }
  ws.send("still here");
  await expect(ws, "still here");
  await bye(ws, 1000);
}

async function many() {
  const message = (number) => `${number} ${"ü".repeat(number % 40)}`;
  const ws = await open();
  const send = async () => {
    for (let number = 0; number < MESSAGES; number++) {
      // Now and then all that was sent so far has to have left.
      if (number % 1000 === 0) await new Promise((sent) => ws.send(message(number), sent));
      else ws.send(message(number));
    }
  };
  const sending = send();
  for (let number = 0; number < MESSAGES; number++) await expect(ws, message(number));
  await sending;
  await bye(ws, 1000);
}

async function closes() {
  for (const code of CODES) {
    const ws = await open();
    ws.send("the last one");
    await expect(ws, "the last one");
    const [answer] = await bye(ws, code, "tschüß");
    assert([1000, code].includes(answer), `${code}: ${answer}`);
  }
  const silent = await open();
  const [answer] = await bye(silent);
  assert([1000, 1005].includes(answer), `no code: ${answer}`);
  // What was sent before the Close still comes back.
  const busy = await open();
  for (let number = 0; number < 1000; number++) busy.send(`${number} ${"x".repeat(1000)}`);
  const closed = bye(busy, 1000);
  for (let number = 0; number < 1000; number++) await expect(busy, `${number} ${"x".repeat(1000)}`);
  assert.equal((await closed)[0], 1000);
}

// Until it is killed.
async function flood() {
  const ws = await open();
  const message = "x".repeat(1000);
  const send = () => { for (let n = 0; n < 100; n++) ws.send(message, n === 99 ? send : undefined); };
  send();
  for (let number = 0; ; number++) {
    await expect(ws, message);
    if (number === 1000) console.log("flooding");
  }
}

setTimeout(() => { console.error("nothing more has come"); process.exit(1); }, 55_000).unref();
await { sizes, fragments, pings, many, closes, flood }[what]();
console.log("ok");
process.exit(0);
