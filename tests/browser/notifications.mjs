// Notifications: after a click, for messages of others, while nobody looks.
import { Lines, Person, assert, browser, eventually, play } from './harness.mjs';

/** All notifications that this page has shown; what the browser shows is at most one for each conversation. */
const told = ({ page }) => page.evaluate(() => window.told);
const shown = ({ page }) => page.evaluate(async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications()).map(({ title, body }) => `${title}: ${body}`);
});

function record({ page }) {
  return page.evaluate(() => {
    const { prototype } = ServiceWorkerRegistration;
    const { showNotification } = prototype;
    window.told = [];
    prototype.showNotification = function show(title, options) {
      window.told.push(options.body);
      return showNotification.call(this, title, options);
    };
  });
}

/** Whether the user looks at the page; in a test all pages are looked at. */
const look = ({ page }, isWatched) => page.evaluate((is) => { document.hasFocus = () => is; }, isWatched);

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna', { permissions: ['notifications'] })).register();
  const ben = await Lines.arrive('ben');
  const annasId = await ben.idOf('anna');
  await anna.page.evaluate(() => navigator.serviceWorker.ready);
  await record(anna);
  await look(anna, false);
  await ben.say(annasId, 'before anybody asked');
  await anna.row('ben').getByText('before anybody asked').waitFor();
  await anna.page.getByRole('button', { name: 'Settings' }).click();
  await anna.page.getByRole('button', { name: 'Turn on notifications' }).click();
  await anna.page.getByRole('button', { name: 'Turn off notifications' }).waitFor();
  await anna.page.keyboard.press('Escape');
  assert.deepEqual(await told(anna), []);

  await ben.say(annasId, 'are you there?');
  await eventually('a notification', async () => (await shown(anna)).includes('ben: are you there?'));

  // Another tab is looked at: no notification.
  const second = await anna.secondTab();
  await second.isOnline();
  await ben.say(annasId, 'one tab is looked at');
  await second.row('ben').getByText('one tab is looked at').waitFor();
  await look(second, false);
  await ben.say(annasId, 'nobody looks');
  await eventually('a notification', async () => (await shown(anna)).includes('ben: nobody looks'));
  assert.deepEqual(await shown(anna), ['ben: nobody looks'], 'one for each conversation');
  assert.deepEqual(await told(anna), ['are you there?', 'nobody looks'], 'none while somebody looked');

  // What came while nobody looked stands behind a line, and is unread until somebody looks.
  await anna.opens('ben');
  await anna.sees('nobody looks');
  await anna.row('ben').locator('.badge', { hasText: '4' }).waitFor();
  await look(anna, true);
  await anna.page.evaluate(() => dispatchEvent(new Event('focus')));
  await anna.row('ben').locator('.badge').waitFor({ state: 'detached' });
});
