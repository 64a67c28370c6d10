// axe-core finds nothing on any screen, light and dark, on a phone and on a wide screen; landmarks and names are there.
import { AxeBuilder, Lines, Person, assert, browser, eventually, isLong, play } from './harness.mjs';

const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1440, height: 900 };
/** Colours do not depend on the width, nor names on the colours: two of the four show nearly all. The wide ones come last. */
const LOOKS = [{ colorScheme: 'light', viewport: PHONE }, { colorScheme: 'dark', viewport: WIDE }];
if (isLong) LOOKS.splice(1, 0, { colorScheme: 'dark', viewport: PHONE }, { colorScheme: 'light', viewport: WIDE });

/** Looks at the screen in every way. */
async function check(page, screen) {
  for (const { colorScheme, viewport } of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize(viewport);
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n  ')}`);
    assert.equal(found.length, 0, `${screen}, ${colorScheme}, ${viewport.width}:\n${found.join('\n')}`);
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${screen} fits into ${viewport.width}`);
  }
}

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
