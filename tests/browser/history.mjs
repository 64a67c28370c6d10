// A conversation of thousands of messages is scrolled to its first one and back: no gap, no flood of elements.
import { Lines, Person, assert, browser, eventually, numbered, play } from './harness.mjs';

const MESSAGES = 5000;
/** Rows in the page at once, separators among them. */
const ROWS_MAX = 300;
/** A further step is a fault, not a slow machine. */
const STEPS_MAX = 2000;

const number = (text) => Number(text.split(' ').pop());

/** Scrolls by `delta` until `isDone`; the numbers of all messages that were seen, each window of them checked. */
async function scroll(person, delta, isDone) {
  const seen = new Set();
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const window = await person.page.evaluate((by) => {
      const log = document.querySelector('.log');
      log.scrollTop += by;
      const rows = [...document.querySelectorAll('.message .text')];
      return { texts: rows.map((row) => row.textContent), rows: document.querySelector('.rows').childElementCount };
    }, delta);
    const numbers = window.texts.map(number);
    assert(window.rows <= ROWS_MAX, `${window.rows} rows`);
    numbers.forEach((value, index) => assert(index === 0 || value === numbers[index - 1] + 1, `a gap behind ${numbers[index - 1]}`));
    numbers.forEach((value) => seen.add(value));
    if (isDone(numbers)) return seen;
    await person.page.waitForTimeout(5);
  }
  throw new Error(`not there after ${STEPS_MAX} steps: ${[...seen].sort((a, b) => a - b).slice(0, 3)} ...`);
}

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await Lines.arrive('ben');
  const id = await ben.idOf('anna');
  // Nothing of it is in the browser.
  await anna.page.goto('about:blank');
  await ben.sayAll(id, numbered('message', MESSAGES));
  const reader = await (await Person.arrive(chromium, 'anna')).logIn();
  await reader.row('ben').locator('.badge', { hasText: '99+' }).waitFor();
  assert.equal(await reader.page.title(), '(99+) Stonechat');

  // It begins at the first unread message; a click leads to the last one.
  await reader.opens('ben');
  await reader.page.locator('.line.new').waitFor();
  assert.equal((await reader.texts())[0], 'message 1');
  await reader.page.getByRole('button', { name: 'To the latest message' }).click();
  await reader.sees(`message ${MESSAGES}`);
  await eventually('all to be read', async () => (await reader.page.title()) === 'Stonechat');

  const up = await scroll(reader, -1500, ([first]) => first === 1);
  assert.equal(up.size, MESSAGES, 'every message was on the screen');
  await reader.page.getByText('This is the beginning.').waitFor();
  const down = await scroll(reader, 1500, (numbers) => numbers.at(-1) === MESSAGES);
  assert.equal(down.size, MESSAGES);

  // What is inserted above does not move what is read.
  const moved = await reader.page.evaluate(() => {
    const log = document.querySelector('.log');
    log.scrollTop = 0;
    const { seq } = document.querySelector('.message').dataset;
    const row = () => document.querySelector(`[data-seq="${seq}"]`);
    const { top } = row().getBoundingClientRect();
    return new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        if (row() === document.querySelector('.message')) return;
        observer.disconnect();
        resolve(row().getBoundingClientRect().top - top);
      });
      observer.observe(document.querySelector('.rows'), { childList: true });
    });
  });
  assert(Math.abs(moved) <= 1, `what is read has moved by ${moved} pixels`);

  // While something old is read, news do not move it; the button leads to them.
  const news = `message ${MESSAGES + 1}`;
  const before = await reader.texts();
  await ben.say(id, news);
  await reader.row('ben').locator('.preview', { hasText: news }).waitFor();
  assert.deepEqual(await reader.texts(), before);
  await reader.page.getByRole('button', { name: 'To the latest message' }).click();
  await reader.sees(news);
  const below = () => reader.page.evaluate(() => {
    const log = document.querySelector('.log');
    return log.scrollHeight - log.scrollTop - log.clientHeight;
  });
  await eventually('the end of the conversation', async () => (await below()) < 5);

  // The first browser comes back after all that: it has been read elsewhere. It is whole.
  await eventually('all to be read', async () => (await reader.page.title()) === 'Stonechat');
  await anna.page.goto(anna.base);
  await anna.isOnline();
  assert.equal(await anna.row('ben').locator('.badge').count(), 0);
  await anna.opens('ben');
  await anna.sees(news);
  const again = await scroll(anna, -1500, ([first]) => first === 1);
  assert.equal(again.size, MESSAGES + 1);
});
