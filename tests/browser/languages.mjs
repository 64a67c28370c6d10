// English and Chinese: both tables have the same keys, every key that is used is there, and no screen shows a bare key.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import en from '../../web/lang/en.js';
import zh from '../../web/lang/zh.js';
import { Lines, Person, assert, browser, play } from './harness.mjs';

const WEB = fileURLToPath(new URL('../../web', import.meta.url));
const KEY_LIKE = /^[a-z]+(\.[a-z]+)+$/;

const sources = readdirSync(WEB, { recursive: true })
  .filter((name) => name.endsWith('.js') && !name.startsWith('lang'))
  .map((name) => readFileSync(`${WEB}/${name}`, 'utf8'));

function checkTables() {
  assert.deepEqual(Object.keys(zh), Object.keys(en), 'the same keys in the same order');
  const values = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  for (const key of Object.keys(en)) {
    const texts = [en[key], zh[key]].map((entry) => [entry].flat());
    assert(texts.flat().every((text) => text.trim()), `${key} has a text`);
    const [inEnglish, inChinese] = texts.map((all) => values(all.at(-1)));
    assert.equal(inChinese, inEnglish, `${key} takes the same values`);
  }
  const used = sources.flatMap((source) => [...source.matchAll(/\bt\(['`]([\w.]+)['`]/g)].map(([, key]) => key));
  assert(used.length > 50);
  for (const key of used) assert(key in en, `${key} is used and has no text`);
  const all = sources.join('\n');
  const stems = [...all.matchAll(/\bt\([^)]*?`([\w.]+)\./g)].map(([, stem]) => stem);
  for (const key of Object.keys(en)) {
    const isUsed = all.includes(`'${key}'`) || stems.some((stem) => key.startsWith(`${stem}.`)) || /\.text$/.test(key);
    assert(isUsed, `${key} has a text and is not used`);
  }
}

/** Texts of the page, those of attributes among them. */
const textsOf = (page) => page.evaluate(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode.textContent.trim());
  for (const element of document.querySelectorAll('[aria-label], [placeholder], [title]')) {
    texts.push(...['aria-label', 'placeholder', 'title'].map((name) => element.getAttribute(name) ?? ''));
  }
  return texts.filter(Boolean);
});

async function walk(chromium, name, locale, table) {
  const person = await Person.arrive(chromium, name, { locale });
  const { page } = person;
  const seen = [];
  const look = async () => {
    const texts = await textsOf(page);
    for (const text of texts) assert(!KEY_LIKE.test(text), `a bare key: ${text}`);
    seen.push(...texts);
  };
  assert.equal(await page.evaluate(() => document.documentElement.lang), locale.slice(0, 2));
  await look();
  await person.register();
  await look();
  await page.getByRole('tab').nth(1).click();
  await look();
  await person.finds('ben');
  await look();
  await person.says('hello');
  await person.seesAll(['hello']);
  await look();
  await page.getByRole('button', { name: table['settings'] }).click();
  await look();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: table['details'] }).click();
  await look();
  const own = ['signin.login', 'tab.chats', 'friends', 'groups', 'friend.add', 'day.today', 'logout', 'keys', 'state.stored'];
  for (const key of own) assert(seen.includes(table[key]), `${key} is shown as ${table[key]}`);
  return seen;
}

play(async () => {
  checkTables();
  await Lines.arrive('ben');
  const chromium = await browser();
  await walk(chromium, 'anna', 'en-GB', en);
  const chinese = await walk(chromium, 'anne', 'zh-CN', zh);
  const english = chinese.filter((text) => Object.entries(en).some(([key, words]) => words === text && zh[key] !== text));
  assert.deepEqual(english, [], 'no English on a Chinese screen');
});
