// What the others are told: delivered, read, typing, online; what one's own other devices are told: read, muted, pinned.
import { Lines, Person, assert, browser, eventually, numbered, play } from './harness.mjs';

const message = ({ page }, text) => page.locator('.message', { hasText: text });
const under = ({ page }) => page.locator('.pane header .lines p');
const badge = (person, name) => person.row(name).locator('.badge');

async function details(person) {
  await person.page.getByRole('button', { name: 'Details' }).click();
  return person.page.locator('dialog');
}

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();
  await anna.finds('ben');

  // Sent, delivered, read.
  await ben.page.goto('about:blank');
  await anna.says('are you there?');
  await anna.page.locator('.message.stored', { hasText: 'are you there?' }).waitFor();
  await ben.page.goto(ben.base);
  await anna.page.locator('.message.delivered', { hasText: 'are you there?' }).waitFor();
  await ben.opens('anna');
  await anna.page.locator('.message.read', { hasText: 'are you there?' }).waitFor();
  assert.match(await message(anna, 'are you there?').textContent(), /read/, 'it is said, too');

  // Typing, and not any more when the message is there.
  await ben.box.pressSequentially('I am');
  await under(anna).getByText('ben is typing').waitFor();
  await anna.row('ben').getByText('ben is typing').waitFor();
  await ben.box.press('Enter');
  await anna.sees('I am');
  assert.equal(await anna.page.getByText('ben is typing').count(), 0);

  // Friends come and go without being asked.
  await anna.page.getByRole('button', { name: 'Add friend' }).click();
  await under(anna).getByText('online').waitFor();
  await ben.page.goto('about:blank');
  await under(anna).getByText('offline').waitFor();
  await ben.page.goto(ben.base);
  await ben.isOnline();
  await under(anna).getByText('online', { exact: true }).waitFor();

  // A second device: it knows what is unread, and what is read on one is read on both.
  await anna.page.goto(anna.base);
  const lines = await Lines.arrive('cleo');
  const annasId = await lines.idOf('anna');
  await lines.sayAll(annasId, numbered('from cleo', 3));
  await badge(anna, 'cleo').getByText('3', { exact: true }).waitFor();
  const laptop = await (await Person.arrive(chromium, 'anna')).logIn();
  await badge(laptop, 'cleo').getByText('3', { exact: true }).waitFor();
  assert.equal(await laptop.page.title(), '(3) Stonechat');
  await laptop.opens('cleo');
  await laptop.seesAll(numbered('from cleo', 3));
  for (const device of [anna, laptop]) await badge(device, 'cleo').waitFor({ state: 'detached' });

  // Read while there was no connection to tell it.
  await laptop.page.goto('about:blank');
  await anna.opens('cleo');
  await anna.page.getByText('from cleo 3').first().waitFor();
  await lines.say(annasId, 'one more');
  await anna.seesAll([...numbered('from cleo', 3), 'one more']);
  await laptop.page.goto(laptop.base);
  await laptop.isOnline();
  await laptop.row('cleo').getByText('one more').waitFor();
  await badge(laptop, 'cleo').waitFor({ state: 'detached' });

  // Muted and pinned, on all devices.
  const box = await details(anna);
  for (const name of ['Muted', 'Pinned']) {
    await box.getByRole('button', { name }).click();
    await box.locator('[aria-pressed=true]', { hasText: name }).waitFor();
  }
  await anna.page.keyboard.press('Escape');
  await anna.opens('ben');
  await lines.say(annasId, 'into the silence');
  for (const device of [anna, laptop]) {
    await badge(device, 'cleo').waitFor();
    await device.row('cleo').locator('.icon-muted').waitFor();
    assert.equal(await device.page.title(), 'Stonechat', 'what is muted is not counted');
  }
  await ben.opens('anna');
  await ben.says('the latest');
  await anna.sees('the latest');
  assert.match(await anna.page.locator('.list .row').first().textContent(), /cleo/, 'what is pinned stands on top');

  // Who has read in a group.
  const group = (await lines.ask({ msgid: 8, groupname: 'chess', groupdesc: '' })).groupid;
  for (const person of [anna, ben]) {
    await person.page.locator('.sidebar input').fill('chess');
    await person.row('chess').click();
    await person.page.getByRole('button', { name: 'Join' }).click();
    await person.page.locator('.pane h1', { hasText: 'chess' }).waitFor();
  }
  await anna.says('who plays?');
  await ben.sees('who plays?');
  await message(anna, 'who plays?').getByText('seen by 1').waitFor();
  await message(anna, 'who plays?').hover();
  await anna.page.getByRole('button', { name: 'What to do with this message' }).click();
  await anna.page.getByRole('menuitem', { name: 'Seen by' }).click();
  await anna.page.locator('dialog .entry', { hasText: 'ben' }).waitFor();
  assert.equal(await anna.page.locator('dialog .entry').count(), 1);
  await anna.page.keyboard.press('Escape');

  // Who is meant is told, in a muted group, too.
  await ben.box.pressSequentially('@an');
  await ben.page.getByRole('option', { name: 'anna' }).waitFor();
  await ben.box.press('Enter');
  await ben.box.pressSequentially('of course');
  await ben.box.press('Enter');
  await anna.page.locator('.message.mention', { hasText: '@anna of course' }).waitFor();
  const stored = (await lines.history({ groupid: group })).at(-1);
  assert.deepEqual(stored.ext, { mentions: [annasId] });
  await eventually('all to be read', async () => (await anna.page.title()) === 'Stonechat');
});
