// Order in a group: who may join, speak and read, roles, mutes, kicks and bans, invitations, and handing over.
import { Lines, Person, assert, browser, eventually, play } from './harness.mjs';

const dialog = ({ page }) => page.locator('dialog').last();
const line = (person, name) => dialog(person).locator('.members li', { hasText: name });

async function details(person) {
  await person.page.getByRole('button', { name: 'Details' }).click();
  await dialog(person).locator('.members li').first().waitFor();
}

async function press(person, name) {
  await dialog(person).getByRole('button', { name, exact: true }).click();
}

/** Does something with a member, in the details of the group. */
async function act(person, name, what, isAsked) {
  await dialog(person).getByRole('button', { name: `What to do with ${name}` }).click();
  await person.page.getByRole('menuitem', { name: what }).click();
  if (isAsked) await press(person, what);
}

/** Closes all boxes. */
async function close({ page }) {
  while (await page.locator('dialog').count()) await page.keyboard.press('Escape');
}

async function looksFor(person, group) {
  await person.page.locator('.sidebar input').fill(group);
  await person.row(group).first().click();
}

async function set(person, values) {
  await details(person);
  await press(person, 'Group settings');
  for (const [label, value] of Object.entries(values)) {
    const field = dialog(person).getByLabel(label);
    if (await field.evaluate(({ tagName }) => tagName === 'SELECT')) await field.selectOption({ label: value });
    else await field.fill(value);
  }
  await press(person, 'Save');
  await person.page.getByText('Saved.').first().waitFor();
  await close(person);
}

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await (await Person.arrive(chromium, 'ben')).register();
  const cleo = await Lines.arrive('cleo');
  const [annasId, bensId] = [await cleo.idOf('anna'), await cleo.idOf('ben')];
  await cleo.ask({ msgid: 7, friendid: annasId });
  await anna.page.getByRole('tab', { name: 'Contacts' }).click();
  await anna.page.getByRole('button', { name: 'New group' }).click();
  await anna.page.getByLabel('Name').fill('chess');
  await anna.page.getByRole('button', { name: 'Create' }).click();
  await anna.page.locator('.pane h1', { hasText: 'chess' }).waitFor();
  await anna.says('before anybody came');

  // Who wants to join asks.
  await set(anna, { Join: 'Whoever wants to join asks', 'Old messages': 'New members read from their joining on', Description: 'Thursdays' });
  await anna.page.locator('.pane header', { hasText: 'Thursdays' }).waitFor();
  await looksFor(ben, 'chess');
  await press(ben, 'Join');
  await ben.page.getByText('chess has been asked').waitFor();
  await anna.page.getByText('ben wants to join chess').waitFor();
  await ben.page.getByRole('button', { name: 'Settings' }).click();
  await press(ben, 'What you have asked for');
  await dialog(ben).locator('.entry', { hasText: 'chess' }).waitFor();
  await close(ben);
  await details(anna);
  await press(anna, 'Who wants to join');
  await dialog(anna).locator('.entry', { hasText: 'ben' }).getByRole('button', { name: 'Accept' }).click();
  await dialog(anna).getByText('Nobody waits.').waitFor();
  await close(anna);
  await ben.page.locator('.sidebar input').fill('');
  await ben.page.getByRole('tab', { name: 'Contacts' }).click();
  await ben.opens('chess');
  await anna.says('welcome');
  await ben.seesAll(['welcome']);

  // An invitation, and its answer.
  const group = (await cleo.ask({ msgid: 31, keyword: 'chess' })).groups[0].id;
  await details(anna);
  await press(anna, 'Invite');
  await dialog(anna).locator('.entry', { hasText: 'cleo' }).getByRole('button', { name: 'Invite' }).click();
  await anna.page.getByText('cleo has been invited.').waitFor();
  await close(anna);
  await eventually('the invitation', () => cleo.pushes.some(({ msgid, groupid }) => msgid === 77 && groupid === group));
  await cleo.ask({ msgid: 79, groupid: group, accept: true });
  await anna.page.locator('.pane header', { hasText: '3 members' }).waitFor();

  // An admin keeps order; a muted member is told why nothing is sent.
  await details(anna);
  await act(anna, 'ben', 'Make admin');
  await line(anna, 'ben').getByText('admin').waitFor();
  await close(anna);
  await ben.page.getByText('You are an admin of chess now.').waitFor();
  await details(ben);
  assert.equal(await dialog(ben).getByRole('button', { name: 'What to do with anna' }).count(), 0, 'downwards only');
  await act(ben, 'cleo', 'Mute for an hour');
  await ben.page.getByText('Done.', { exact: true }).waitFor();
  const muted = await cleo.reply({ msgid: 10, groupid: group, msg: 'mmh' });
  assert.equal(muted.errno, 403);
  assert(Date.parse(muted.until) > Date.now());
  await act(ben, 'cleo', 'Let write again');
  await eventually('cleo to be heard', async () => (await cleo.reply({ msgid: 10, groupid: group, msg: 'thank you' })).errno === 0);
  await close(ben);
  await ben.sees('thank you');

  // An admin recalls what another one said.
  await ben.page.locator('.message', { hasText: 'thank you' }).hover();
  await ben.page.getByRole('button', { name: 'What to do with this message' }).click();
  await ben.page.getByRole('menuitem', { name: 'Recall' }).click();
  await press(ben, 'Recall');
  await anna.page.locator('.message', { hasText: 'was recalled' }).waitFor();

  // Kicked and banned, and let in again.
  await details(ben);
  await act(ben, 'cleo', 'Remove and ban', true);
  await line(ben, 'cleo').waitFor({ state: 'detached' });
  await eventually('cleo to hear of it', () => cleo.pushes.some(({ kind, by }) => kind === 'group_left' && by === bensId));
  assert.equal((await cleo.reply({ msgid: 9, groupid: group })).errno, 403);
  await press(ben, 'Who is banned');
  await dialog(ben).locator('.entry', { hasText: 'cleo' }).getByRole('button', { name: 'Lift ban' }).click();
  await dialog(ben).getByText('Nobody is banned.').waitFor();
  await close(ben);
  assert.equal((await cleo.ask({ msgid: 9, groupid: group })).waiting, true);

  // Only admins speak; a name is changed; and the group is handed over.
  await set(anna, { 'Who may write': 'Creator and admins', Name: 'chess club' });
  for (const person of [anna, ben]) await person.page.locator('.pane h1', { hasText: 'chess club' }).waitFor();
  await details(anna);
  await act(anna, 'ben', 'Hand the group over', true);
  await line(anna, 'ben').getByText('creator').waitFor();
  await press(anna, 'Leave group');
  await press(anna, 'Leave group');
  await anna.page.getByText('Choose a conversation').waitFor();
  await ben.page.getByText('chess club is yours now.').waitFor();

  // Sent away while looking: the group is gone, and why is told. An invitation is answered in the contacts.
  await cleo.ask({ msgid: 91, withdraw: 'group', groupid: group });
  await set(ben, { Join: 'Everybody may join', 'Who may write': 'All members' });
  await looksFor(anna, 'chess club');
  await press(anna, 'Join');
  await anna.page.locator('.pane h1', { hasText: 'chess club' }).waitFor();
  await details(ben);
  await act(ben, 'anna', 'Remove from group', true);
  await anna.page.getByText('You were removed from chess club.').waitFor();
  await anna.page.getByText('Choose a conversation').waitFor();
  await close(ben);
  await cleo.ask({ msgid: 9, groupid: group });
  await cleo.ask({ msgid: 77, groupid: group, id: annasId });
  await anna.page.getByRole('tab', { name: 'Contacts' }).click();
  await anna.page.getByText('cleo invites you to this group.').waitFor();
  await anna.page.locator('.request', { hasText: 'chess club' }).getByRole('button', { name: 'Accept' }).click();
  await anna.page.locator('.pane h1', { hasText: 'chess club' }).waitFor();
  await anna.page.getByText('invites you to this group').waitFor({ state: 'detached' });
});
