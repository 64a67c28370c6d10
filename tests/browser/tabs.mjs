// Two tabs of one account: one connection, the same on both screens; when one goes, the other goes on.
import { Lines, Person, assert, browser, eventually, play } from './harness.mjs';

/** Counts the WebSockets that a page opens. */
function countSockets(page) {
  const opened = [];
  page.on('websocket', (socket) => opened.push(socket));
  return () => opened.filter((socket) => !socket.isClosed()).length;
}

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await Lines.arrive('ben');
  const annasId = await ben.idOf('anna');
  const second = new Person(anna.context, 'anna', anna.base);
  const socketsOfSecond = await second.openPage().then(countSockets);
  await second.isOnline();
  assert.equal(socketsOfSecond(), 0, 'the second tab opens no connection');

  // Both show the same, and both can write.
  await anna.finds('ben');
  await second.finds('ben');
  const expected = ['from the first tab'];
  await anna.says('from the first tab');
  await second.seesAll(expected);
  expected.push('from the second tab');
  await second.says('from the second tab');
  await second.seesAll(expected);
  expected.push('hello to both');
  await ben.say(annasId, 'hello to both');
  for (const tab of [anna, second]) await tab.seesAll(expected);
  assert.equal(socketsOfSecond(), 0);

  // Read in one is read in the other; lists agree.
  await second.page.getByRole('button', { name: 'Add friend' }).click();
  for (const tab of [anna, second]) await tab.page.locator('.pane header .lines p', { hasText: 'online' }).waitFor();

  // The tab with the connection is closed.
  await anna.page.close();
  await second.says('the first tab is gone');
  expected.push('the first tab is gone');
  await second.seesAll(expected);
  await eventually('a connection of the second tab', () => socketsOfSecond() === 1);
  await ben.say(annasId, 'still there?');
  expected.push('still there?');
  await second.seesAll(expected);

  // It crashes; a third one goes on.
  const third = await second.secondTab('#u' + (await second.page.evaluate(() => location.hash.slice(2))));
  await third.seesAll(expected);
  await second.page.goto('chrome://crash').catch(() => {});
  await third.says('and still one');
  expected.push('and still one');
  await third.seesAll(expected);
  assert.deepEqual((await ben.history({ id: annasId })).map(({ msg }) => msg), expected, 'each is stored once');

  // A log out is one of all tabs.
  const fourth = await third.secondTab();
  await fourth.isOnline();
  await fourth.page.getByRole('button', { name: 'Settings' }).click();
  await fourth.page.getByRole('button', { name: 'Log out' }).click();
  await fourth.page.locator('dialog').last().getByRole('button', { name: 'Log out' }).click();
  for (const tab of [third, fourth]) await tab.page.locator('form.signin').waitFor();
  const left = await fourth.page.evaluate(async () => ({
    databases: (await indexedDB.databases()).map(({ name }) => name),
    texts: Object.keys(localStorage).filter((key) => key !== 'stonechat.device'),
  }));
  assert.deepEqual(left, { databases: [], texts: [] }, 'nothing of the account is left');
});
