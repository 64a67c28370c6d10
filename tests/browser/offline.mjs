// A browser without a network; a tab that ends without warning while messages wait; a page that opens without a server.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Lines, Person, assert, browser, command, eventually, play, withoutNetwork } from './harness.mjs';

/** All files of the client together, in bytes. */
const SIZE_MAX = 240_000;

/** The service worker keeps what the page names: it has to name every file. */
function checkFiles() {
  const web = fileURLToPath(new URL('../../web', import.meta.url));
  const page = readFileSync(`${web}/index.html`, 'utf8');
  const others = ['index.html', 'sw.js'];
  const files = readdirSync(web, { recursive: true }).filter((name) => name.includes('.') && !others.includes(name));
  for (const file of files) assert(page.includes(`"${file}"`), `index.html names ${file}`);
  const size = [...files, ...others].reduce((sum, file) => sum + statSync(`${web}/${file}`).size, 0);
  assert(size <= SIZE_MAX, `${size} bytes`);
}

play(async () => {
  checkFiles();
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();
  const expected = ['before'];
  await anna.finds('ben');
  await anna.says('before');
  await ben.opens('anna');
  await ben.seesAll(expected);

  // The network goes away and comes back.
  await withoutNetwork(async () => {
    await command('hold');
    await command('cut');
    await anna.context.setOffline(true);
    for (const place of ['.sidebar', '.pane header']) await anna.page.locator(place).getByText('You are offline').waitFor();
    for (const text of ['written on the train', 'in a tunnel']) {
      await anna.says(text);
      expected.push(text);
    }
    assert.equal(await anna.page.locator('.message.waiting').count(), 2);
    await command('pass');
    await anna.context.setOffline(false);
    await anna.isOnline();
    await ben.isOnline();
    for (const person of [anna, ben]) await person.seesAll(expected);
  });

  // A tab is closed without warning, and opened again while there is no network.
  await withoutNetwork(async () => {
    await command('kill');
    await anna.hasState('waiting');
    await anna.says('kept in the browser');
    await anna.page.locator('.message.waiting').waitFor();
    await anna.page.close({ runBeforeUnload: false });
    await command('restart');
    await anna.openPage();
    await anna.isOnline();
    expected.push('kept in the browser');
    await ben.seesAll(expected);
  });

  // The renderer of a tab crashes right behind the key press.
  await withoutNetwork(async () => {
    await anna.opens('ben');
    await anna.seesAll(expected);
    await command('kill');
    await anna.hasState('waiting');
    await anna.box.fill('said at the very end');
    const crashed = anna.page.waitForEvent('crash');
    await anna.box.press('Enter');
    await anna.page.goto('chrome://crash').catch(() => {});
    await crashed;
    await command('restart');
    await anna.openPage();
    await anna.isOnline();
    expected.push('said at the very end');
    await ben.seesAll(expected);
  });

  // What came meanwhile is there, and what is there can be read without a network.
  await anna.opens('ben');
  await anna.seesAll(expected);
  await withoutNetwork(async () => {
    await command('kill');
    await anna.hasState('waiting');
    await anna.page.getByRole('button', { name: 'Settings' }).click();
    await anna.page.keyboard.press('Escape');
    await anna.page.keyboard.press('Escape');
    await anna.opens('ben');
    await anna.seesAll(expected);
    // The page itself opens without a server, with what waits.
    await anna.says('written without a server');
    await anna.page.locator('.message.waiting').waitFor();
    expected.push('written without a server');
    await anna.page.reload();
    await anna.hasState('waiting');
    await anna.page.locator('.message.waiting').waitFor();
    assert.deepEqual(await anna.texts(), expected);
    await command('restart');
    await anna.isOnline();
    await anna.seesAll(expected);
    await ben.seesAll(expected);
  });
  const lines = await Lines.arrive('ben', { isNew: false, device: 'reader' });
  const stored = await lines.history({ id: await lines.idOf('anna') });
  assert.deepEqual(stored.map(({ msg }) => msg), expected, 'each is stored once');
  await eventually('ben to be online', () => ben.isOnline().then(() => true));
});
