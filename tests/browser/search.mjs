// Searching what was said: everywhere and in one conversation; a click leads to the place.
import { Lines, Person, assert, browser, numbered, play } from './harness.mjs';

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const [ben, cleo] = [await Lines.arrive('ben'), await Lines.arrive('cleo')];
  const annasId = await ben.idOf('anna');
  await ben.say(annasId, 'the needle <b>of</b> long ago');
  await ben.sayAll(annasId, numbered('straw', 400));
  await cleo.say(annasId, '在干草堆里找一根针');
  await cleo.say(annasId, 'a NEEDLE of mine');
  const { page } = anna;

  // Everywhere: messages stand below people and groups.
  await anna.row('cleo').waitFor();
  await page.locator('.sidebar input').fill('needle');
  await page.locator('.sidebar').getByRole('heading', { name: 'Messages' }).waitFor();
  const found = page.locator('.sidebar .row', { has: page.locator('mark') });
  await found.nth(1).waitFor();
  assert.equal(await found.count(), 2);
  assert.equal(await page.locator('.sidebar b').count(), 0, 'text is text');
  await found.filter({ hasText: 'long ago' }).click();
  await page.locator('.pane h1', { hasText: 'ben' }).waitFor();
  await page.locator('.message.found', { hasText: 'long ago' }).waitFor();
  assert(await page.evaluate(() => document.activeElement.matches('.message')), 'the focus is there');
  await page.getByRole('button', { name: 'To the latest message' }).click();
  await anna.sees('straw 400');

  // Two characters of Chinese are enough; one is not.
  await page.locator('.sidebar input').fill('干草');
  await found.filter({ hasText: '在干草堆里' }).waitFor();
  await page.locator('.sidebar input').fill('');

  // In one conversation, by keyboard; more follows on request.
  await page.getByRole('button', { name: 'Search messages' }).click();
  const box = page.locator('dialog');
  await box.getByLabel('Search messages').fill('straw');
  await box.getByText(/\d+ messages found/).waitFor();
  const rows = box.locator('.row');
  const first = await rows.count();
  assert(first >= 20 && first < 400, `${first} at once`);
  assert.match(await rows.first().textContent(), /straw 400/, 'the newest first');
  await box.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(first).waitFor();
  await box.getByLabel('Search messages').fill('needle');
  await box.getByText('1 message found').waitFor();
  await box.getByLabel('Search messages').press('Tab');
  await page.keyboard.press('Enter');
  await box.waitFor({ state: 'detached' });
  await page.locator('.message.found', { hasText: 'long ago' }).waitFor();
  await page.getByRole('button', { name: 'Search messages' }).click();
  await box.getByLabel('Search messages').fill('nowhere at all');
  await box.getByText('No message with this text.').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
});
