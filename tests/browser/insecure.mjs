// The page over plain HTTP under a name: no secure context, so no Web Locks, no randomUUID, no notifications.
import { Lines, Person, address, assert, browser, isLong, play } from './harness.mjs';

play(async () => {
  const chromium = await browser('--host-resolver-rules=MAP chat.test 127.0.0.1');
  const base = `http://chat.test:${address.split(':')[1]}/`;
  const anna = await Person.arrive(chromium, 'anna', { base });
  const missing = await anna.page.evaluate(() => [isSecureContext, 'locks' in navigator, 'randomUUID' in crypto, 'serviceWorker' in navigator]);
  assert.deepEqual(missing, [false, false, false, false], 'this page is not secure');
  await anna.page.getByText('not encrypted').waitFor();
  await anna.register();
  const ben = await Lines.arrive('ben');
  const annasId = await ben.idOf('anna');
  await anna.finds('ben');
  const expected = ['hello'];
  await anna.says('hello');
  await anna.seesAll(expected);
  expected.push('hello back');
  await ben.say(annasId, 'hello back');
  await anna.seesAll(expected);

  // A second tab: one connection, and both can write.
  const sockets = [];
  const second = new Person(anna.context, 'anna', base);
  await second.openPage(`#u${ben.id}`);
  second.page.on('websocket', (socket) => sockets.push(socket));
  await second.isOnline();
  await second.seesAll(expected);
  await second.says('from the second tab');
  expected.push('from the second tab');
  for (const tab of [anna, second]) await tab.seesAll(expected);
  assert.equal(sockets.length, 0, 'one connection');

  // The first tab goes in order, and then one without warning.
  await anna.page.close();
  await second.says('alone');
  expected.push('alone');
  await second.seesAll(expected);
  const third = await second.secondTab(`#u${ben.id}`);
  await third.seesAll(expected);
  await second.page.goto('chrome://crash').catch(() => {});
  await third.says('after a crash');
  expected.push('after a crash');
  await third.seesAll(expected);
  assert.deepEqual((await ben.history({ id: annasId })).map(({ msg }) => msg), expected, 'each is stored once');

  // A tab that leads is busy for so long that another one takes its place: in the end one of them has the connection.
  const freeze = () => { for (const end = Date.now() + 3000; Date.now() < end;); };
  const frozen = third.page.evaluate(freeze);
  const rival = await third.secondTab(`#u${ben.id}`);
  await rival.isOnline();
  await frozen;
  for (const tab of [rival, third]) {
    const text = `said behind the quarrel ${expected.length}`;
    await tab.says(text);
    expected.push(text);
    for (const other of [rival, third]) await other.seesAll(expected);
    await tab.isOnline();
  }
  await rival.page.close();
  await third.says('and when one has left');
  expected.push('and when one has left');
  await third.seesAll(expected);
  assert.deepEqual((await ben.history({ id: annasId })).map(({ msg }) => msg), expected, 'each is stored once');

  await third.page.getByRole('button', { name: 'Settings' }).click();
  await third.page.getByRole('button', { name: 'Notifications need an encrypted connection' }).waitFor();
  await third.page.keyboard.press('Escape');

  if (!isLong) return;
  // Several at once: one of them leads in the end, and everything works.
  const many = await Promise.all([third.secondTab(), third.secondTab(), third.secondTab()]);
  for (const tab of many) await tab.isOnline();
  await third.page.close();
  await ben.say(annasId, 'to all of you');
  expected.push('to all of you');
  for (const tab of many) {
    await tab.opens('ben');
    await tab.seesAll(expected);
  }
});
