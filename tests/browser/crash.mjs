// The server is killed and started again while people talk: every message is there once, in the order it was said.
import { Lines, Person, assert, browser, command, eventually, numbered, play, withoutNetwork } from './harness.mjs';

const MESSAGES = 40;
/** The server is killed when so many of them are said. */
const KILLED_AT = [10, 25];

/** Says all of it; one key press after the other, without waiting for anything. */
async function talk(person, texts, said) {
  for (const text of texts) {
    await person.says(text);
    said(text);
  }
}

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();
  await anna.finds('ben');
  await ben.finds('anna');
  const byAnna = numbered('anna says', MESSAGES);
  const byBen = numbered('ben says', MESSAGES);

  await withoutNetwork(async () => {
    let count = 0;
    const killing = [];
    const said = () => {
      count += 1;
      if (KILLED_AT.includes(count)) killing.push(command('kill').then(() => command('restart')));
    };
    await Promise.all([talk(anna, byAnna, said), talk(ben, byBen, () => {})]);
    await Promise.all(killing);
    assert.equal(killing.length, KILLED_AT.length);
    for (const person of [anna, ben]) await person.isOnline();
    const isAllStored = async (person) => (await person.page.locator('.message.waiting').count()) === 0;
    await eventually('all to be stored', async () => (await isAllStored(anna)) && isAllStored(ben));
  });

  const lines = await Lines.arrive('anna', { isNew: false, device: 'reader' });
  const stored = (await lines.history({ id: await lines.idOf('ben') })).map(({ msg }) => msg);
  const of = (name) => stored.filter((text) => text.startsWith(name));
  assert.deepEqual(of('anna'), byAnna, 'each of anna once, in order');
  assert.deepEqual(of('ben'), byBen, 'each of ben once, in order');
  for (const person of [anna, ben]) await person.seesAll(stored);

  // An acknowledgement gets lost with its connection: the message is sent again, and stored once.
  const lost = await Person.arrive(chromium, 'cleo');
  let acks = 0;
  await lost.page.routeWebSocket('**/ws', (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      const isAck = JSON.parse(message).msgid === 11;
      if (isAck) acks += 1;
      if (isAck && acks < 3) socket.close({ code: 4000 });
      else socket.send(message);
    });
  });
  await lost.page.reload();
  await lost.register();
  await lost.finds('anna');
  await lost.says('my ack gets lost');
  await lost.says('and mine, too');
  await lost.seesAll(['my ack gets lost', 'and mine, too']);
  assert(acks > 2, `${acks} acks`);
  await anna.opens('cleo');
  await anna.seesAll(['my ack gets lost', 'and mine, too']);
  await anna.opens('ben');

  // What was said while the server is away is seen as waiting, and goes when it is back.
  await withoutNetwork(async () => {
    await command('kill');
    await anna.hasState('waiting');
    await anna.says('said into the void');
    await anna.page.locator('.message.waiting .text', { hasText: 'said into the void' }).waitFor();
    await anna.page.getByRole('button', { name: 'Try now' }).waitFor();
    await command('restart');
    await anna.isOnline();
    await ben.sees('said into the void');
  });
  for (const person of [anna, ben]) await person.seesEnd([...stored, 'said into the void']);
  await anna.page.reload();
  await anna.isOnline();
  await anna.seesEnd([...stored, 'said into the void']);
});
