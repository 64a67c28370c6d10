// What was said is edited, recalled, answered and reacted to, by mouse and by keyboard.
import { Lines, Person, assert, browser, eventually, numbered, play } from './harness.mjs';

const message = ({ page }, text) => page.locator('.message', { hasText: text });

/** Opens the menu of a message with the mouse, and chooses. */
async function act(person, text, what) {
  await message(person, text).last().hover();
  await person.page.getByRole('button', { name: 'What to do with this message' }).click();
  await person.page.getByRole('menuitem', { name: what }).click();
}

const reactionsOf = (person, text) => message(person, text).last().locator('.reactions .reaction')
  .evaluateAll((all) => all.map((button) => `${button.textContent}${button.getAttribute('aria-pressed') === 'true' ? ' mine' : ''}`));

const hasReactions = (person, text, expected) => eventually(`${expected} at ${text}`, async () => String(await reactionsOf(person, text)) === String(expected));

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();
  await anna.finds('ben');
  await ben.finds('anna');
  await anna.says('hello wrold');
  for (const person of [anna, ben]) await person.seesAll(['hello wrold']);

  // The last message is edited with the arrow key; a draft stays.
  await anna.box.press('ArrowUp');
  await anna.page.getByText('Edit your message').waitFor();
  assert.equal(await anna.box.inputValue(), 'hello wrold');
  await anna.box.press('Escape');
  assert.equal(await anna.box.inputValue(), '');
  await anna.box.press('ArrowUp');
  await anna.box.fill('hello world');
  await anna.box.press('Enter');
  for (const person of [anna, ben]) {
    await person.seesAll(['hello world']);
    await message(person, 'hello world').getByText('edited').waitFor();
  }
  assert.equal(await anna.box.inputValue(), '');

  // An answer shows what it answers, and leads there.
  await anna.says('shall we meet at eight?');
  await ben.sees('at eight');
  await act(ben, 'at eight', 'Reply');
  await ben.says('yes');
  for (const person of [anna, ben]) await message(person, 'yes').locator('.quote', { hasText: 'shall we meet at eight?' }).waitFor();
  await message(anna, 'yes').locator('.quote').click();
  await anna.page.locator('.message.found', { hasText: 'at eight' }).first().waitFor();
  await anna.box.press('ArrowUp');
  await anna.box.fill('shall we meet at nine?');
  await anna.box.press('Enter');
  for (const person of [anna, ben]) await message(person, 'yes').locator('.quote', { hasText: 'nine' }).waitFor();

  // Reactions: chosen, counted, taken back.
  await act(ben, 'hello world', 'React');
  await ben.page.getByRole('button', { name: '👍' }).click();
  await hasReactions(ben, 'hello world', ['👍1 mine']);
  await hasReactions(anna, 'hello world', ['👍1']);
  await message(anna, 'hello world').locator('.reaction').click();
  await hasReactions(anna, 'hello world', ['👍2 mine']);
  await hasReactions(ben, 'hello world', ['👍2 mine']);
  await act(anna, 'hello world', 'React');
  await anna.page.getByLabel('Another sign or word').fill('ha!');
  await anna.page.keyboard.press('Enter');
  await message(ben, 'hello world').locator('.reaction', { hasText: '👍' }).click();
  await hasReactions(anna, 'hello world', ['👍1 mine', 'ha!1 mine']);
  await hasReactions(ben, 'hello world', ['👍1', 'ha!1']);

  // By keyboard alone: from the box to the last message, and what can be done with it.
  await anna.box.focus();
  await anna.page.keyboard.press('Shift+Tab');
  await anna.page.keyboard.press('ArrowUp');
  await anna.page.keyboard.press('ArrowUp');
  await anna.page.keyboard.press('Enter');
  await anna.page.getByRole('menu').waitFor();
  await anna.page.keyboard.press('End');
  await anna.page.keyboard.press('Enter');
  await anna.page.locator('dialog').getByRole('button', { name: 'Recall' }).click();
  for (const [person, text] of [[anna, 'You have recalled'], [ben, 'was recalled']]) {
    await person.page.locator('.gone', { hasText: text }).waitFor();
    await person.page.locator('.quote', { hasText: 'was recalled' }).waitFor();
  }
  assert.equal(await ben.page.getByText('nine').count(), 0, 'the text is gone');
  await anna.box.press('ArrowUp');
  assert.equal(await anna.box.inputValue(), 'hello world', 'what is recalled is not edited');
  await anna.box.press('Escape');

  // All of it is there after a reload, and on a device that has not seen it happen.
  const laptop = await (await Person.arrive(chromium, 'anna')).logIn();
  await laptop.finds('ben');
  await anna.page.reload();
  for (const person of [anna, laptop]) {
    await hasReactions(person, 'hello world', ['👍1 mine', 'ha!1 mine']);
    await person.page.locator('.gone', { hasText: 'You have recalled' }).waitFor();
    await message(person, 'hello world').getByText('edited').waitFor();
    assert.equal((await person.texts()).length, 3);
  }

  // What happens while the page is away is seen when it is back, also to messages of long ago.
  const benInLines = await Lines.arrive('ben', { isNew: false, device: 'lines' });
  const annasId = await benInLines.idOf('anna');
  await benInLines.say(annasId, 'a late chance');
  await anna.seesAll(['hello world', 'You have recalled this message.', 'yes', 'a late chance']);
  await laptop.close();
  await anna.page.goto('about:blank');
  const { seq } = (await benInLines.history({ id: annasId })).findLast(({ msgid }) => msgid === 6);
  await benInLines.ask({ msgid: 57, id: annasId, of: seq, msg: 'a late change' });
  await benInLines.ask({ msgid: 61, id: annasId, of: 1, reaction: '🎉', on: true });
  await benInLines.sayAll(annasId, numbered('much', 150));
  await anna.page.goto(`${anna.base}#u${benInLines.id}`);
  await anna.isOnline();
  await anna.page.locator('.line.new').waitFor();
  await message(anna, 'a late change').waitFor();
  await eventually('the first message', async () => {
    await anna.page.evaluate(() => { document.querySelector('.log').scrollTop = 0; });
    return (await message(anna, 'hello world').count()) === 1;
  });
  await hasReactions(anna, 'hello world', ['👍1 mine', 'ha!1 mine', '🎉1']);
});
