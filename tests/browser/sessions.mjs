// Accounts: errors in words, a token that ends, a device that takes over, and a first paint that waits for nothing.
import { Lines, PASSWORD, Person, assert, browser, command, eventually, play } from './harness.mjs';

// On a calm machine it is a quarter of this; a paint that waited for the network's answers would never come here.
const FIRST_PAINT_MS = 1_000;

/** Says what the form says of a name and a password. */
async function refusal(person, mode, name, password) {
  await person.page.locator('.modes button').nth(mode).click();
  await person.page.locator('#name').fill(name);
  await person.page.locator('#pwd').fill(password);
  await person.page.locator('form.signin [type=submit]').click();
  return eventually('a refusal', () => person.page.locator('form.signin [role=alert]').textContent());
}

play(async () => {
  const chromium = await browser();
  const ben = await Lines.arrive('ben');
  const anna = await Person.arrive(chromium, 'anna');
  assert.match(await refusal(anna, 1, 'ben', 'x'), /taken/);
  assert.match(await refusal(anna, 1, '12345', 'x'), /The server says/);
  assert.match(await refusal(anna, 0, 'nobody', 'x'), /wrong/);
  for (let attempt = 0; attempt < 3; attempt += 1) assert.match(await refusal(anna, 0, 'ben', `guess ${attempt}`), /wrong/);
  assert.match(await refusal(anna, 0, 'ben', 'another guess'), /Try again in (60 seconds|\d+ seconds|1 minute)/);
  await anna.register();

  // A token logs in. What was written and not sent stays when it is worth nothing any more.
  await anna.page.reload();
  await anna.isOnline();
  const { token, id } = await anna.page.evaluate(() => JSON.parse(localStorage.getItem('stonechat.account')));
  await anna.finds('ben');
  await anna.says('before');
  await anna.seesAll(['before']);
  await anna.page.goto('about:blank');
  const thief = new Lines('anna');
  thief.open();
  await thief.ask({ msgid: 1, id, token });
  await thief.ask({ msgid: 3 });
  await anna.page.goto(`${anna.base}#u${ben.id}`);
  await anna.page.getByText('Please log in again').waitFor();
  assert.equal(await anna.page.locator('#name').inputValue(), 'anna');
  await anna.page.locator('#pwd').fill(PASSWORD);
  await anna.page.locator('#pwd').press('Enter');
  await anna.isOnline();
  await anna.seesAll(['before']);

  // What the operator tells everybody stays for longer than other news, and is text.
  await command('broadcast down at <b>ten</b>');
  await anna.page.getByText('The operator says: down at <b>ten</b>').waitFor();

  // Another page takes the device over, and gives it back.
  const account = await anna.page.evaluate(() => ({ ...localStorage }));
  const copy = await Person.arrive(chromium, 'anna');
  await copy.page.evaluate((all) => Object.assign(localStorage, all), account);
  await copy.page.reload();
  await copy.isOnline();
  await anna.page.locator('.sidebar').getByText('In use elsewhere').waitFor();
  await copy.finds('ben');
  await copy.seesAll(['before']);
  await copy.close();
  await anna.says('while it was elsewhere');
  await anna.page.getByRole('button', { name: 'Use here' }).click();
  await anna.isOnline();
  await anna.seesAll(['before', 'while it was elsewhere']);

  // A second device has its own place in everything.
  const laptop = await (await Person.arrive(chromium, 'anna')).logIn();
  await laptop.finds('ben');
  await laptop.seesAll(['before', 'while it was elsewhere']);
  await laptop.says('from the laptop');
  await anna.seesAll(['before', 'while it was elsewhere', 'from the laptop']);

  // A log out with something unsent says so, and leaves nothing.
  await laptop.page.goto(`${laptop.base}#u4711`);
  await laptop.says('to nobody');
  await laptop.page.locator('.message.failed').waitFor();
  await laptop.page.getByRole('button', { name: 'Settings' }).click();
  await laptop.page.getByRole('button', { name: 'Log out' }).click();
  await laptop.page.getByText('1 message is not sent').waitFor();
  await laptop.page.locator('dialog').last().getByRole('button', { name: 'Log out' }).click();
  await laptop.page.locator('form.signin').waitFor();
  assert.deepEqual(await laptop.page.evaluate(() => Object.keys(localStorage)), ['stonechat.device']);

  // The frame is painted before anything is asked of the network.
  const paints = [];
  for (let round = 0; round < 5; round += 1) {
    await anna.page.reload();
    await anna.isOnline();
    paints.push(await anna.page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime
      ?? performance.getEntriesByName('first-paint')[0].startTime));
  }
  console.log(`first paint after ${paints.map(Math.round)} ms`);
  assert(Math.min(...paints) < FIRST_PAINT_MS, `first paint after ${paints} ms`);
});
