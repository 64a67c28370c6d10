// axe-core finds nothing on any screen, light and dark, on a phone and on a wide screen; landmarks and names are there.
import { AxeBuilder, Lines, Person, assert, browser, eventually, isLong, play } from './harness.mjs';

const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1440, height: 900 };
/** Colours do not depend on the width, nor names on the colours: two of the four show nearly all. The wide ones come last. */
const LOOKS = [{ colorScheme: 'light', viewport: PHONE }, { colorScheme: 'dark', viewport: WIDE }];
if (isLong) LOOKS.splice(1, 0, { colorScheme: 'dark', viewport: PHONE }, { colorScheme: 'light', viewport: WIDE });

/** Looks at the screen in every way. */
async function check(page, screen, looks = LOOKS) {
  for (const { colorScheme, viewport } of looks) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize(viewport);
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n  ')}`);
    assert.equal(found.length, 0, `${screen}, ${colorScheme}, ${viewport.width}:\n${found.join('\n')}`);
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${screen} fits into ${viewport.width}`);
  }
}

/** Boxes are much alike: one look at each, the next one in turn, shows enough of them. */
let turn = 0;
const checkBox = (page, screen) => check(page, screen, isLong ? LOOKS : [LOOKS[turn++ % LOOKS.length]]);

play(async () => {
  const chromium = await browser();
  const anna = await Person.arrive(chromium, 'anna');
  const { page } = anna;
  await check(page, 'sign in');
  await page.locator('#name').fill('nobody');
  await page.locator('#pwd').fill('x');
  await page.locator('form.signin [type=submit]').click();
  await page.getByText('wrong').waitFor();
  await check(page, 'sign in, refused');
  await page.reload();
  await anna.register();
  await check(page, 'no conversations');

  const [ben, cleo] = [await Lines.arrive('ben'), await Lines.arrive('cleo')];
  const annasId = await ben.idOf('anna');
  await cleo.ask({ msgid: 35, friendid: annasId, msg: 'we met in Oslo' });
  await ben.ask({ msgid: 7, friendid: annasId });
  const group = (await ben.ask({ msgid: 8, groupname: 'chess', groupdesc: 'Thursdays at eight' })).groupid;
  await ben.say(annasId, 'hello https://example.org/ 👋');
  await ben.ask({ msgid: 10, groupid: group, msg: 'a message of the group' });
  await anna.row('ben').locator('.badge').waitFor();
  await check(page, 'conversations');
  await page.getByRole('tab').nth(1).click();
  await page.getByText('we met in Oslo').waitFor();
  await check(page, 'contacts');
  await page.getByRole('button', { name: 'New group' }).click();
  await check(page, 'new group');
  await page.keyboard.press('Escape');
  await page.locator('.sidebar input').fill('ch');
  await anna.row('chess').waitFor();
  await check(page, 'search');
  await anna.row('chess').click();
  await page.getByRole('button', { name: 'Join' }).waitFor();
  await check(page, 'join');
  await page.getByRole('button', { name: 'Join' }).click();
  await anna.says('hello all');
  await anna.seesAll(['a message of the group', 'hello all']);
  await check(page, 'group');
  await page.getByRole('button', { name: 'Details' }).click();
  await page.locator('.members .row').nth(1).waitFor();
  await check(page, 'details of a group');
  await page.keyboard.press('Escape');

  // A message with everything that one can have, and what can be done with it.
  const last = page.locator('.message').last();
  await ben.ask({ msgid: 61, groupid: group, of: 2, reaction: '👍', on: true });
  await ben.ask({ msgid: 10, groupid: group, msg: '@anna yes', ext: { re: 2, mentions: [annasId] } });
  await page.locator('.mention .quote').waitFor();
  await anna.says('edited soon, with an answer');
  await last.locator('.icon-check').waitFor();
  await anna.box.press('ArrowUp');
  await checkBox(page, 'editing');
  await anna.box.pressSequentially('!');
  await anna.box.press('Enter');
  await last.getByText('edited', { exact: true }).waitFor();
  const act = async (text) => {
    await page.locator('.message', { hasText: text }).first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
  };
  await act('@anna yes');
  await checkBox(page, 'what to do with a message');
  await page.getByRole('menuitem', { name: 'Reply' }).click();
  await checkBox(page, 'answering');
  await page.keyboard.press('Escape');
  await act('@anna yes');
  await page.getByRole('menuitem', { name: 'React' }).click();
  await checkBox(page, 'reacting');
  await page.keyboard.press('Escape');
  await act('hello all');
  await page.getByRole('menuitem', { name: 'Recall' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Recall' }).click();
  await page.locator('.gone').first().waitFor();
  await anna.box.fill('@b');
  await page.getByRole('option').waitFor();
  await checkBox(page, 'naming a member');
  await anna.box.fill('');
  await page.getByRole('button', { name: 'Search messages' }).click();
  await page.getByLabel('Search messages').last().fill('yes');
  await page.locator('dialog mark').waitFor();
  await checkBox(page, 'searching a conversation');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');

  // A group of one's own, and what its creator may do.
  const own = await Lines.arrive('anna', { isNew: false, device: 'lines' });
  const club = (await own.ask({ msgid: 8, groupname: 'club', groupdesc: '' })).groupid;
  await cleo.ask({ msgid: 9, groupid: club });
  await page.goto(`${anna.base}#g${club}`);
  await page.getByRole('button', { name: 'Details' }).click();
  await page.getByRole('button', { name: 'What to do with cleo' }).click();
  await checkBox(page, 'what to do with a member');
  await page.keyboard.press('Escape');
  for (const [name, ready] of [['Group settings', 'select'], ['Invite', '.entry'], ['Who is banned', '.hint']]) {
    await page.getByRole('button', { name }).click();
    await page.locator('dialog').last().locator(ready).first().waitFor();
    await checkBox(page, name);
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('Escape');
  await page.goto(`${anna.base}#u${ben.id}`);
  await anna.sees('hello https');
  await check(page, 'conversation');
  await page.getByRole('button', { name: 'Details' }).click();
  await check(page, 'details of a friend');
  await page.getByRole('button', { name: 'Remove friend' }).click();
  await check(page, 'a question');
  await page.keyboard.press('Escape');
  await page.goto(`${anna.base}#u${cleo.id}`);
  await page.getByText('not among your friends').waitFor();
  await check(page, 'conversation with a stranger');
  await page.getByRole('button', { name: 'Ask with a message' }).click();
  await check(page, 'ask');
  await page.keyboard.press('Escape');
  await page.goto(`${anna.base}#u4711`);
  await anna.says('x'.repeat(300));
  await page.locator('.message.failed').waitFor();
  await anna.box.fill('é'.repeat(5000));
  await check(page, 'refused and too long');
  await page.getByRole('button', { name: 'Settings' }).click();
  await check(page, 'settings');
  for (const [name, ready] of [['Profile', 'input'], ['Sessions', '.entry'], ['Change password', 'input'], ['Erase account', 'input']]) {
    await page.getByRole('button', { name }).click();
    await page.locator('dialog').last().locator(ready).first().waitFor();
    await checkBox(page, name);
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('Escape');

  // What a screen reader needs.
  await page.setViewportSize(WIDE);
  await page.goto(`${anna.base}#u${ben.id}`);
  for (const role of ['navigation', 'main', 'log', 'tablist']) assert(await page.getByRole(role).count(), role);
  const log = page.getByRole('log');
  await eventually('a log that is read out', async () => (await log.getAttribute('aria-live')) === 'polite');
  await ben.say(annasId, 'is this read out?');
  await anna.sees('is this read out?');
  assert.equal(await log.getAttribute('aria-live'), 'polite');
  await log.getByText('ben:').first().waitFor();
});
