// Writing: drafts, several lines, links, both directions of text, refused messages, and all of it by keyboard alone.
import { Lines, Person, assert, browser, eventually, play } from './harness.mjs';

const LONG_WORD = 'x'.repeat(2000);

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const [ben, cleo] = [await Lines.arrive('ben'), await Lines.arrive('cleo')];
  const annasId = await ben.idOf('anna');
  await ben.say(annasId, 'from ben');
  await cleo.say(annasId, 'from cleo');
  const { page } = anna;

  // What is typed for one conversation stays in its box.
  await anna.opens('ben');
  await anna.box.pressSequentially('half a sentence for ben');
  await anna.opens('cleo');
  assert.equal(await anna.box.inputValue(), '');
  await anna.row('ben').getByText('Draft: half a sentence').waitFor();
  await anna.box.pressSequentially('for cleo');
  await page.reload();
  await anna.isOnline();
  await page.locator('.pane h1', { hasText: 'cleo' }).waitFor();
  assert.equal(await anna.box.inputValue(), 'for cleo');
  await anna.opens('ben');
  assert.equal(await anna.box.inputValue(), 'half a sentence for ben');

  // Enter sends, Shift-Enter makes a line, an input method keeps its Enter.
  await anna.box.fill('one');
  await anna.box.press('Shift+Enter');
  await anna.box.pressSequentially('two');
  assert.equal(await anna.box.inputValue(), 'one\ntwo');
  await anna.box.evaluate((box) => {
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }));
  });
  assert.equal(await anna.box.inputValue(), 'one\ntwo', 'Enter belongs to the input method');
  await anna.box.press('Enter');
  await anna.seesAll(['from ben', 'one\ntwo']);
  assert.equal(await anna.box.inputValue(), '');
  const heights = await page.locator('.message .text').evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().height));
  assert(heights[1] > heights[0] * 1.5, 'line breaks are kept');

  // Links: http and https only, and nothing that belongs to the sentence.
  await anna.says('see https://example.org/a_(b), (http://example.org/c?d=1#e). javascript:alert(1) ftp://example.org');
  await anna.sees('ftp://');
  const links = await page.locator('.message .text a').evaluateAll((all) => all.map(({ href, rel, target }) => [href, rel, target]));
  assert.deepEqual(links, ['https://example.org/a_(b)', 'http://example.org/c?d=1#e'].map((href) => [href, 'noopener noreferrer', '_blank']));
  await anna.says('<img src=x onerror=alert(1)><b>bold</b>');
  await anna.sees('<b>bold</b>');
  assert.equal(await page.locator('.message img, .message b').count(), 0, 'text is text');

  // Both directions, emoji, and words that are too long for the screen.
  await anna.says('שלום עולם');
  await anna.says(LONG_WORD);
  await anna.says('👩‍👩‍👧 👍');
  await anna.sees('👍');
  const direction = (text) => page.locator('.message .text', { hasText: text }).evaluate((element) => getComputedStyle(element).direction);
  assert.deepEqual([await direction('שלום'), await direction('see https')], ['rtl', 'ltr']);
  assert.equal(await page.locator('.message.large').count(), 1, 'emoji alone are large');
  assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen');

  // The limit is told before it is sent.
  await anna.box.fill('é'.repeat(4000));
  await page.getByText('192 bytes left').waitFor();
  await anna.box.fill('é'.repeat(4100));
  await page.getByText('Too long by 8 bytes').waitFor();
  assert(await page.getByRole('button', { name: 'Send' }).isDisabled());
  await anna.box.press('Enter');
  assert.equal((await anna.box.inputValue()).length, 4100, 'it is not sent');
  await anna.box.fill('');

  // A message that is refused: why, once more, and away.
  await page.goto(`${anna.base}#u4711`);
  await anna.box.waitFor();
  await anna.says('is anybody there?');
  await page.locator('.message.failed', { hasText: 'is anybody there?' }).getByText('That does not exist').waitFor();
  await page.reload();
  await anna.isOnline();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('That does not exist').waitFor();
  await page.getByRole('button', { name: 'Delete' }).click();
  await eventually('the message to be gone', async () => (await page.locator('.message').count()) === 0);

  // By keyboard alone.
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const focus = () => page.evaluate(() => {
    const { activeElement } = document;
    return activeElement.dataset.conv ?? activeElement.getAttribute('aria-label');
  });
  await press('Control+k');
  await page.keyboard.type('cleo');
  await page.getByRole('heading', { name: 'Your conversations' }).waitFor();
  await press('ArrowDown', 'Enter');
  await page.locator('.pane h1', { hasText: 'cleo' }).waitFor();
  assert.equal(await focus(), 'Message to cleo');
  await press('Control+a');
  await page.keyboard.type('typed');
  await press('Enter');
  await anna.seesAll(['from cleo', 'typed']);
  await press('Escape');
  assert.equal(await focus(), `u${cleo.id}`);
  await press('ArrowDown');
  assert.equal(await focus(), `u${ben.id}`);
  await press('Enter');
  await page.locator('.pane h1', { hasText: 'ben' }).waitFor();
  await press('Alt+ArrowUp');
  await page.locator('.pane h1', { hasText: 'cleo' }).waitFor();
  await press('Shift+Tab');
  assert.equal(await focus(), 'Messages', 'they can be scrolled by keys');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid', 'the focus can be seen');
  await press('Shift+Tab', 'Shift+Tab', 'Shift+Tab', 'Enter');
  await page.locator('dialog').waitFor();
  await press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
});
