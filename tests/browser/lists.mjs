// More friends and groups than a page of the protocol or of the screen has.
import { Lines, PASSWORD, Person, assert, browser, eventually, play } from './harness.mjs';

const FRIENDS = 510;
const GROUPS = 205;

play(async () => {
  const anna = await Lines.arrive('anna');
  const names = Array.from({ length: FRIENDS }, (_, index) => `friend ${String(index + 1).padStart(3, '0')}`);
  const ids = [];
  for (const name of names) ids.push((await anna.ask({ msgid: 4, name, pwd: PASSWORD })).id);
  for (const friendid of ids) await anna.ask({ msgid: 7, friendid });
  for (let number = 1; number <= GROUPS; number += 1) await anna.ask({ msgid: 8, groupname: `group ${String(number).padStart(3, '0')}`, groupdesc: '' });
  const chromium = await browser();
  const person = await (await Person.arrive(chromium, 'anna')).logIn();
  const { page } = person;
  await page.getByRole('tab', { name: 'Contacts' }).click();
  const rows = () => page.locator('.list .row').count();
  await eventually('the first rows', async () => (await rows()) >= 200);
  assert(await rows() <= 400, 'not all rows at once');
  await eventually('all rows', async () => {
    const more = page.getByRole('button', { name: 'Show more' }).first();
    if (await more.count()) await more.click();
    return (await rows()) === FRIENDS + GROUPS;
  });
  for (const name of [names.at(-1), 'group 205']) await person.row(name).waitFor();

  // What changes elsewhere is seen here.
  await anna.ask({ msgid: 25, groupid: (await anna.ask({ msgid: 31, keyword: 'group 205' })).groups[0].id });
  await page.getByText('The group group 205 was deleted.').waitFor();
  await person.row('group 205').waitFor({ state: 'detached' });
});
