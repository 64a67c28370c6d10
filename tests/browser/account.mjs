// The user's own account: a profile, a block, sessions, another password, and its end.
import { Lines, PASSWORD, Person, assert, browser, eventually, play } from './harness.mjs';

const NEW_PASSWORD = 'another horse';
const dialog = ({ page }) => page.locator('dialog').last();
const under = ({ page }) => page.locator('.pane header .lines p');

async function settings(person, part) {
  await person.page.getByRole('button', { name: 'Settings' }).click();
  if (part) await press(person, part);
}

async function press(person, name) {
  await dialog(person).getByRole('button', { name, exact: true }).click();
}

async function close({ page }) {
  while (await page.locator('dialog').count()) await page.keyboard.press('Escape');
}

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();
  await anna.finds('ben');
  await anna.says('hello, ben');
  await anna.page.getByRole('button', { name: 'Add friend' }).click();
  await ben.opens('anna');
  await ben.sees('hello, ben');

  // Another name, and a few words.
  await settings(ben, 'Profile');
  await dialog(ben).getByLabel('Name').fill('benjamin');
  await dialog(ben).getByLabel('A few words').fill('plays the openings');
  await press(ben, 'Save');
  await ben.page.getByText('Saved.').waitFor();
  await close(ben);
  await anna.page.locator('.pane h1', { hasText: 'benjamin' }).waitFor();
  await under(anna).getByText('plays the openings').waitFor();
  await ben.page.locator('.sidebar .me', { hasText: 'benjamin' }).waitFor();
  await ben.page.reload();
  await ben.isOnline();
  await ben.seesAll(['hello, ben']);
  await settings(ben, 'Profile');
  assert.equal(await dialog(ben).getByLabel('A few words').inputValue(), 'plays the openings');
  await close(ben);

  // A block: nothing comes any more; the friendship is over. And back.
  await anna.page.getByRole('button', { name: 'Details' }).click();
  await press(anna, 'Block');
  await press(anna, 'Block');
  await anna.page.getByText('You have blocked benjamin.').waitFor();
  assert.equal(await anna.box.isVisible(), false, 'nothing can be written');
  await ben.says('why?');
  await ben.page.locator('.message.failed', { hasText: 'why?' }).waitFor();
  await ben.page.getByRole('button', { name: 'Delete' }).click();
  await settings(anna, 'Blocked people');
  await dialog(anna).locator('.entry', { hasText: 'benjamin' }).getByRole('button', { name: 'Unblock' }).click();
  await dialog(anna).getByText('You have blocked nobody.').waitFor();
  await close(anna);
  await ben.says('friends again?');
  await anna.seesAll(['hello, ben', 'friends again?']);

  // What was asked and not answered can be withdrawn.
  const cleo = await Lines.arrive('cleo');
  await anna.finds('cleo');
  await anna.page.getByRole('button', { name: 'Ask with a message' }).click();
  await press(anna, 'Ask');
  await eventually('the request', () => cleo.pushes.some(({ msgid }) => msgid === 35));
  await settings(anna, 'What you have asked for');
  await dialog(anna).locator('.entry', { hasText: 'cleo' }).getByRole('button', { name: 'Withdraw' }).click();
  await dialog(anna).getByText('Nothing is waiting').waitFor();
  await close(anna);
  assert.equal((await cleo.reply({ msgid: 37, friendid: await cleo.idOf('anna'), accept: true })).errno, 404);

  // Sessions: one is ended from another, and has to log in again.
  const laptop = await (await Person.arrive(chromium, 'anna')).logIn();
  await settings(anna, 'Sessions');
  await dialog(anna).getByText('this one').waitFor();
  const others = dialog(anna).getByRole('button', { name: 'End', exact: true });
  const count = await others.count();
  assert(count >= 1, `${count} others`);
  await press(anna, 'End all others');
  await eventually('no other', async () => (await others.count()) === 0);
  await laptop.page.getByText('Please log in again').waitFor();
  await close(anna);

  // Another password: the session that changes it stays.
  await settings(anna, 'Change password');
  await dialog(anna).getByLabel('Present password').fill('a guess');
  await dialog(anna).getByLabel('New password').fill(NEW_PASSWORD);
  await press(anna, 'Save');
  await dialog(anna).getByText('The password is wrong.').waitFor();
  await dialog(anna).getByLabel('Present password').fill(PASSWORD);
  await press(anna, 'Save');
  await anna.page.getByText('Saved.').waitFor();
  await close(anna);
  await anna.page.reload();
  await anna.isOnline();
  await laptop.page.locator('#pwd').fill(PASSWORD);
  await laptop.page.locator('#pwd').press('Enter');
  await laptop.page.getByText('wrong').waitFor();
  await laptop.page.locator('#pwd').fill(NEW_PASSWORD);
  await laptop.page.locator('#pwd').press('Enter');
  await laptop.isOnline();

  // The end: what was said is gone for the others, and everything is gone from this browser.
  await settings(anna, 'Erase account');
  await dialog(anna).getByLabel('Password').fill(NEW_PASSWORD);
  await press(anna, 'Erase account');
  for (const device of [anna, laptop]) await device.page.locator('form.signin').waitFor();
  const left = await anna.page.evaluate(async () => ({
    databases: (await indexedDB.databases()).map(({ name }) => name),
    texts: Object.keys(localStorage).filter((key) => key !== 'stonechat.device'),
  }));
  assert.deepEqual(left, { databases: [], texts: [] }, 'nothing of the account is left');
  await eventually('it to be gone for ben', async () => {
    await ben.page.reload();
    await ben.page.getByText('does not exist any more').first().waitFor();
    return (await ben.page.locator('.message.foreign .gone').count()) === 1;
  });
  assert.equal(await ben.page.getByText('hello, ben').count(), 0);
  assert.equal(await ben.box.isVisible(), false);
});
