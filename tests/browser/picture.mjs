// The picture of docs/web-client.md: a conversation between anna and ben, and a group. scripts/picture-web has it written to
// the file that STONECHAT_PICTURE names; otherwise it is made and thrown away.
import process from 'node:process';
import { Lines, Person, assert, browser, eventually, play } from './harness.mjs';

const SIZE = { width: 1280, height: 800 };
/** A picture in a README should come fast. */
const BYTES_MAX = 200_000;

play(async () => {
  const chromium = await browser();
  const anna = await Person.arrive(chromium, 'anna', { viewport: SIZE });
  await anna.register();
  const [ben, cleo, dora] = [await Lines.arrive('ben'), await Lines.arrive('cleo'), await Lines.arrive('小林')];
  const annasId = await ben.idOf('anna');
  for (const friend of [ben, cleo]) await friend.ask({ msgid: 7, friendid: annasId });
  const group = (await ben.ask({ msgid: 8, groupname: 'chess', groupdesc: 'Thursdays at eight' })).groupid;
  await cleo.ask({ msgid: 9, groupid: group });
  await anna.page.locator('.sidebar input').fill('chess');
  await anna.row('chess').click();
  await anna.page.getByRole('button', { name: 'Join' }).click();
  await dora.say(annasId, 'お久しぶりです！');
  await cleo.ask({ msgid: 10, groupid: group, msg: 'who brings the board?' });
  await anna.sees('who brings the board?');
  await anna.finds('ben');
  await anna.page.mouse.move(0, 0);

  const talk = [
    [ben, 'Are you coming on Thursday?'],
    [anna, 'Yes! I only have to find the clock again.'],
    [ben, 'It is still at my place 😀'],
    [ben, 'The openings we talked about: https://en.wikipedia.org/wiki/List_of_chess_openings'],
    [anna, 'Thank you, I will have a look.\nShall we start half an hour earlier?'],
    [ben, 'Gladly. Half past seven, then.'],
    [anna, '👍'],
  ];
  const texts = [];
  for (const [who, text] of talk) {
    if (who === anna) await anna.says(text);
    else await who.ask({ msgid: 6, toid: annasId, msg: text, ext: text.startsWith('Gladly') ? { re: texts.length } : undefined });
    texts.push(text);
    await anna.seesAll(texts);
  }
  await ben.ask({ msgid: 61, id: annasId, of: 2, reaction: '😂', on: true });
  await ben.ask({ msgid: 61, id: annasId, of: 5, reaction: '❤️', on: true });
  ben.socket.write(`${JSON.stringify({ msgid: 45, id: annasId, seq: 6 })}\n`);
  await anna.page.locator('.reaction').nth(1).waitFor();
  await anna.page.locator('.message.read').nth(1).waitFor();
  await cleo.ask({ msgid: 10, groupid: group, msg: 'I can bring two' });
  await cleo.ask({ msgid: 10, groupid: group, msg: 'and the tea' });
  await anna.row('chess').locator('.badge', { hasText: '2' }).waitFor();
  await cleo.say(annasId, 'see you there!');
  await anna.row('cleo').locator('.badge').waitFor();
  await anna.box.pressSequentially('and I bring the cake');
  await eventually('no news in front of it', async () => (await anna.page.locator('.toast').count()) === 0);
  const picture = await anna.page.screenshot({ path: process.env.STONECHAT_PICTURE || undefined });
  assert(picture.length < BYTES_MAX, `${picture.length} bytes`);
});
