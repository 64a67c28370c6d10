// A name and a password become a token: one short connection, closed again. The token then logs in, as at every start.

import { device } from './account.js';
import { Disconnected, Refused } from './connection.js';
import { MSGID, socketUrl } from './protocol.js';

const PATIENCE_MS = 20_000;

/** Logs in, after making the account if `isNew`; the account `{id, name, token}`. Fails with `Refused` or `Disconnected`. */
export async function signIn({ name, pwd, isNew }) {
  const socket = await opened();
  try {
    if (isNew) await demand(socket, { msgid: MSGID.REGISTER, name, pwd });
    // Nothing is confirmed here: what this login is sent comes again at the next one.
    const login = { msgid: MSGID.LOGIN, name, pwd, ack: true, device: device(), catch_up: 'list' };
    const { id, name: spelled, token } = await demand(socket, login);
    return { id, name: spelled, token };
  } finally {
    socket.close();
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(socketUrl());
    const fail = () => reject(new Disconnected());
    socket.onopen = () => resolve(socket);
    socket.onclose = fail;
    setTimeout(fail, PATIENCE_MS);
  });
}

function demand(socket, request) {
  return new Promise((resolve, reject) => {
    socket.onclose = () => reject(new Disconnected());
    setTimeout(() => reject(new Disconnected()), PATIENCE_MS);
    socket.onmessage = ({ data }) => {
      const line = JSON.parse(data);
      if (!('errno' in line)) return;
      if (line.errno === 0) resolve(line);
      else reject(new Refused(line));
    };
    socket.send(JSON.stringify(request));
  });
}
