#!/usr/bin/env node
// client.mjs NAME PASSWORD [HOST PORT]: a chat client for Stonechat. Type lines of the form: TOID text
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';

const [name, pwd, host = '127.0.0.1', port = '8000'] = process.argv.slice(2);
const sock = connect(Number(port), host);
const unacknowledged = new Map(); // messages by their cid
let receive; // takes the next line from the server
let me; // the login reply
let typedAll = false; // stdin has ended

const send = (line) => sock.write(JSON.stringify(line) + '\n');
const ask = (line, then) => { receive = then; send(line); }; // before the login nothing but the reply can come
const fail = (text) => { console.error(text); process.exit(1); };

// Not node:readline: it also cuts at U+2028, which may stand in a JSON string.
function eachLine(stream, take) {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    lines.forEach((line) => take(line));
  });
  return stream;
}

function show(push) {
  console.log(`${push.name}: ${push.msg}`);
  // What this user said on another device belongs to the conversation with its addressee.
  const conversation = push.msgid === 10 ? { groupid: push.groupid } : { id: push.id === me.id ? push.toid : push.id };
  send({ msgid: 20, seq: push.seq, ...conversation }); // confirmed: the server will not bring it again
}

function typed(line) {
  const [toid, ...words] = line.trim().split(' ');
  const cid = randomUUID(); // this message's own id: with it, sending twice cannot store it twice
  unacknowledged.set(cid, { msgid: 6, toid: Number(toid), msg: words.join(' '), cid, tag: cid });
  send(unacknowledged.get(cid));
}

function acknowledged({ tag, errno, errmsg }) {
  const message = unacknowledged.get(tag);
  if (errno === 503) return setTimeout(send, 1000, message); // the database is away: the same again in a second
  unacknowledged.delete(tag);
  if (errno !== 0) console.error(`not sent to ${message.toid}: ${errmsg}`);
}

function chat(line) {
  if (line.msgid === 6 || line.msgid === 10) show(line);
  else if (line.msgid === 11) acknowledged(line);
  else if (line.msgid === 17) send({ msgid: 18 }); // the server asks whether we live
  if (typedAll && unacknowledged.size === 0) process.exit();
}

function begin(reply) {
  if (reply.errno !== 0) fail(reply.errmsg);
  [me, receive] = [reply, chat];
  console.log(`you are ${me.id}`);
  me.offlinemsg.forEach(show);
  eachLine(process.stdin, typed).on('end', () => { typedAll = true; send({ msgid: 17 }); }); // the PONG wakes `chat`
}

const login = { msgid: 1, name, pwd, ack: true };
const registerThenLogIn = (refused) =>
  ask({ msgid: 4, name, pwd }, (made) => (made.errno === 0 ? ask(login, begin) : begin(refused)));
eachLine(sock, (line) => receive(JSON.parse(line)))
  .on('end', () => fail(`the server closed the connection; not acknowledged: ${unacknowledged.size}`))
  .on('error', (error) => fail(error.message));
ask(login, (reply) => (reply.errno === 1 ? registerThenLogIn(reply) : begin(reply))); // 1: perhaps nobody has that name
