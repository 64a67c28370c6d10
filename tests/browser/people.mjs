// Two people in browsers and one in a terminal chat, one to one and in a group.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { PASSWORD, Lines, Person, assert, browser, eventually, play } from './harness.mjs';

const SERVER = process.env.STONECHAT_DIRECT;
const state = mkdtempSync(join(tmpdir(), 'stonechat-browser-'));
const options = { env: { ...process.env, CHAT_PASSWORD: PASSWORD } };
const words = (...rest) => ['--state', state, '--server', SERVER, '--user', 'cleo', ...rest];

/** Says something in the terminal. */
const cleoSends = (...rest) => promisify(execFile)(process.env.STONECHAT_CLIENT, words('send', ...rest), options);

/** What comes to the terminal. */
function cleoTails() {
  const heard = [];
  const tail = spawn(process.env.STONECHAT_CLIENT, words('tail'), options);
  tail.stdout.setEncoding('utf8').on('data', (chunk) => heard.push(chunk));
  process.on('exit', () => tail.kill('SIGKILL'));
  return (text) => eventually(`${text} in the terminal`, () => heard.join('').includes(text));
}

play(async () => {
  const chromium = await browser();
  const registering = await Lines.arrive('cleo');
  registering.close();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();

  // One to one, and as friends.
  await anna.finds('ben');
  await anna.says('hello, ben');
  await ben.row('anna').locator('.badge').waitFor();
  await eventually('the number in the title', async () => (await ben.page.title()) === '(1) Stonechat');
  assert.match(await ben.page.locator('link[rel=icon]').getAttribute('href'), /^data:/);
  await ben.opens('anna');
  await ben.sees('hello, ben');
  assert.equal(await ben.page.locator('.line.new').count(), 1, 'a line before the first unread message');
  await eventually('a title without a number', async () => (await ben.page.title()) === 'Stonechat');
  await ben.says('hello, anna');
  await anna.seesAll(['hello, ben', 'hello, anna']);
  await anna.page.getByRole('button', { name: 'Ask with a message' }).click();
  await anna.page.getByLabel('A few words').fill('we met in Oslo');
  await anna.page.getByRole('button', { name: 'Ask', exact: true }).click();
  await ben.page.getByRole('tab', { name: 'Contacts 1 friend request' }).click();
  await ben.page.getByText('we met in Oslo').waitFor();
  await ben.page.getByRole('button', { name: 'Accept' }).click();
  for (const person of [anna, ben]) await person.page.locator('.pane header .lines p', { hasText: 'online' }).waitFor();

  // A group, with the terminal.
  await anna.page.getByRole('tab', { name: 'Contacts' }).click();
  await anna.page.getByRole('button', { name: 'New group' }).click();
  await anna.page.getByLabel('Name').fill('chess');
  await anna.page.getByLabel('Description').fill('Thursdays at eight');
  await anna.page.getByRole('button', { name: 'Create' }).click();
  await anna.page.locator('.pane h1', { hasText: 'chess' }).waitFor();
  await ben.page.locator('.sidebar input').fill('chess');
  await ben.row('chess').click();
  await ben.page.getByRole('button', { name: 'Join' }).click();
  await ben.page.locator('.pane h1', { hasText: 'chess' }).waitFor();
  const joining = await Lines.arrive('cleo', { isNew: false });
  const group = (await joining.ask({ msgid: 31, keyword: 'chess' })).groups[0].id;
  await joining.ask({ msgid: 9, groupid: group });
  joining.close();
  await anna.page.locator('.pane header', { hasText: '3 members' }).waitFor();
  await cleoSends('#chess', 'who brings the board?');
  const cleoSees = cleoTails();
  for (const person of [anna, ben]) await person.sees('who brings the board?');
  await ben.says('I do');
  await cleoSees('I do');
  await anna.says('日本のルールで? 😀');
  await cleoSees('日本のルールで? 😀');
  const all = ['who brings the board?', 'I do', '日本のルールで? 😀'];
  for (const person of [anna, ben]) await person.seesAll(all);

  // The terminal and a browser, one to one; somebody who is no friend.
  await cleoSends('anna', 'psst');
  await anna.page.getByRole('tab', { name: 'Chats' }).click();
  await anna.opens('cleo');
  await anna.seesAll(['psst']);
  await anna.page.getByText('cleo is not among your friends.').waitFor();
  await anna.says('yes?');
  await cleoSees('yes?');

  // Members, leaving and deleting.
  await ben.page.getByRole('button', { name: 'Details' }).click();
  await ben.page.locator('.members li').nth(2).waitFor();
  await ben.page.getByRole('button', { name: 'Leave group' }).click();
  await ben.page.getByRole('button', { name: 'Leave group' }).click();
  await ben.page.getByText('Choose a conversation').waitFor();
  await anna.opens('chess');
  await anna.page.locator('.pane header', { hasText: '2 members' }).waitFor();
  await anna.page.getByRole('button', { name: 'Details' }).click();
  await anna.page.getByText('creator').waitFor();
  await anna.page.getByRole('button', { name: 'Delete group' }).click();
  await anna.page.getByRole('button', { name: 'Delete group' }).click();
  await anna.page.getByText('Choose a conversation').waitFor();
  assert.equal(await anna.row('chess').count(), 0);
});
