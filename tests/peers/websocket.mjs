// websocket.mjs HOST:PORT: two users chat over WebSockets of npm's `ws`, with all that it can do to a server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const require = createRequire(join(process.env.STONECHAT_PEERS, "x.js"));
const { WebSocket } = require("ws");

const MESSAGES = 2000;
const uri = `ws://${process.argv[2]}/ws`;
setTimeout(() => { console.error("nothing more has come"); process.exit(1); }, 60_000).unref();

class User {
  constructor(options) {
    this.ws = new WebSocket(uri, options);
    this.replies = [];
    this.pushes = [];
    this.waiting = [];
    this.ws.on("message", (data, isBinary) => {
      assert(!isBinary);
      const line = JSON.parse(data.toString());
      ("errno" in line ? this.replies : this.pushes).push(line);
      this.waiting.splice(0).forEach((wake) => wake());
    });
  }

  async next(list) {
    while (this[list].length === 0) await new Promise((wake) => this.waiting.push(wake));
    return this[list].shift();
  }

  async ask(request) {
    this.ws.send(JSON.stringify(request));
    const reply = await this.next("replies");
    assert.equal(reply.errno, 0, JSON.stringify(reply));
    return reply;
  }

  async enter(name) {
    await once(this.ws, "open");
    assert.equal(this.ws.extensions, "", "compression is declined");
    await this.ask({ msgid: 4, name, pwd: "a password" });
    this.id = (await this.ask({ msgid: 1, name, pwd: "a password", ack: true })).id;
  }
}

const anna = new User({ perMessageDeflate: true });
await anna.enter("anna of node");
const ben = new User({});
await ben.enter("ben of node");
for (let number = 0; number < MESSAGES; number++) {
  const line = JSON.stringify({ msgid: 6, toid: ben.id, msg: `${number} ${"x".repeat(number % 300)}` });
  if (number % 10 === 0) {
    anna.ws.send(line.slice(0, 9), { fin: false });
    anna.ws.ping("in between");
    anna.ws.send(line.slice(9));
  } else {
    anna.ws.send(line);
  }
  if (number % 32 === 31) for (let n = 0; n < 32; n++) assert.equal((await anna.next("replies")).errno, 0);
}
for (let number = 0; number < MESSAGES; number++) {
  const push = await ben.next("pushes");
  assert.equal(push.seq, number + 1);
  assert(push.msg.startsWith(`${number} `));
}
const large = "ü".repeat(4000);
await ben.ask({ msgid: 6, toid: anna.id, msg: large });
assert.equal((await anna.next("pushes")).msg, large);
ben.ws.close(1000, "bye");
const [code] = await once(ben.ws, "close");
assert.equal(code, 1000);
anna.ws.terminate();

const binary = new WebSocket(uri);
await once(binary, "open");
binary.send(Buffer.from("binary"));
assert.equal((await once(binary, "close"))[0], 1003);
console.log("ok");
process.exit(0);
