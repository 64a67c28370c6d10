// The server's data go back to an earlier state. Its numbers are given out again; nothing new is dropped.
import { Lines, Person, assert, browser, command, eventually, numbered, play, withoutNetwork } from './harness.mjs';

play(async () => {
  const chromium = await browser();
  const anna = await (await Person.arrive(chromium, 'anna')).register();
  const ben = await Lines.arrive('ben');
  const annasId = await ben.idOf('anna');
  const early = numbered('early', 3);
  for (const text of early) await ben.say(annasId, text);
  await anna.opens('ben');
  await anna.seesAll(early);
  await withoutNetwork(async () => {
    await command('kill');
    await command('save');
    await command('restart');
    await anna.isOnline();
    const again = await Lines.arrive('ben', { isNew: false });
    const late = numbered('late', 4);
    for (const text of late) await again.say(annasId, text);
    await anna.seesAll([...early, ...late]);
    await eventually('all to be read', async () => (await anna.page.title()) === 'Stonechat');
    await command('kill');
    await anna.hasState('waiting');
    await anna.says('kept through the restore');
    await command('bring back');
    await command('restart');
  });

  // The same number as that of a message that has been seen: it is shown nevertheless.
  await anna.isOnline();
  const then = await Lines.arrive('ben', { isNew: false });
  const stored = async () => (await then.history({ id: annasId })).map(({ msg }) => msg);
  await eventually('the waiting message at the server', async () => (await stored()).includes('kept through the restore'));
  await then.say(annasId, 'after the restore');
  await anna.sees('after the restore');
  await anna.page.getByText('went back to an earlier state').waitFor();
  assert.deepEqual(await stored(), [...early, 'kept through the restore', 'after the restore']);
  await anna.seesAll(await stored());
  await anna.page.reload();
  await anna.isOnline();
  await anna.seesAll(await stored());
});
