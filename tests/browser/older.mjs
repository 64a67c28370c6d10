// A server that knows nothing of edits, receipts and all that came with them: the page offers nothing of it, and counts itself.
import { Lines, Person, assert, browser, eventually, play } from './harness.mjs';

/** Numbers that an older server answers with 404. NOTICE is not one of them: it comes from the server only. */
const isNew = (msgid) => msgid >= 45;

play(async () => {
  const chromium = await browser();
  const asked = [];
  const anna = await Person.arrive(chromium, 'anna');
  await anna.page.routeWebSocket('**/ws', (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      const { want: _, catch_up: __, ...line } = JSON.parse(message);
      if (isNew(line.msgid)) {
        asked.push(line.msgid);
        socket.send(JSON.stringify({ msgid: 19, errno: 404, errmsg: 'no such msgid', about: line.msgid, tag: line.tag }));
      } else server.send(JSON.stringify(line));
    });
  });
  await anna.page.reload();
  await anna.register();
  const { page } = anna;
  const ben = await Lines.arrive('ben');
  const annasId = await ben.idOf('anna');

  // Unread messages are counted here, also those that came meanwhile.
  await ben.say(annasId, 'one');
  await anna.row('ben').locator('.badge', { hasText: '1' }).waitFor();
  await page.goto('about:blank');
  await ben.say(annasId, 'two');
  await ben.say(annasId, 'three');
  await page.goto(anna.base);
  await anna.isOnline();
  await anna.row('ben').locator('.badge', { hasText: '3' }).waitFor();
  await anna.opens('ben');
  await anna.seesAll(['one', 'two', 'three']);
  await eventually('all to be read', async () => (await page.title()) === 'Stonechat');

  // An answer is a message with a note of the clients'; there is nothing else to do with one.
  await page.locator('.message', { hasText: 'two' }).hover();
  await page.getByRole('button', { name: 'What to do with this message' }).click();
  assert.deepEqual(await page.getByRole('menuitem').allTextContents(), ['Reply']);
  await page.getByRole('menuitem', { name: 'Reply' }).click();
  await anna.says('an answer');
  await page.locator('.message.stored .quote', { hasText: 'two' }).waitFor();
  assert.deepEqual((await ben.history({ id: annasId })).at(-1).ext, { re: 2 });
  await anna.box.press('ArrowUp');
  assert.equal(await anna.box.inputValue(), '', 'nothing is edited');
  await ben.say(annasId, 'read, then');
  await anna.sees('read, then');
  assert.equal(await page.locator('.message.stored').count(), 1, 'nobody tells what is read');
  assert.equal(await page.getByRole('button', { name: 'Search messages' }).count(), 0);
  await page.getByRole('button', { name: 'Settings' }).click();
  for (const name of ['Profile', 'Sessions', 'Erase account']) assert.equal(await page.getByRole('button', { name }).count(), 0, name);
  assert.deepEqual(asked, [], 'the server is not asked for what it does not know');
});
