// What can be done with a message.

import { isGroup, idOf } from '../core/protocol.js';
import { t } from '../i18n.js';
import { attemptAfter, peopleDialog } from './forms.js';
import { showMenu } from './menu.js';
import { answeredBy, shortText } from './message.js';
import { reactionBox } from './reactions.js';

/** `pane` shows the conversation; the focus goes back to `row`. */
export function messageMenu(pane, message, anchor, row) {
  const { client, model, conv, log } = pane;
  const { seq, recalled, reactions } = message;
  const isOwn = message.id === model.me;
  const leads = isGroup(conv) && ['creator', 'admin'].includes(model.groups.get(idOf(conv))?.role);
  const isThere = !recalled && model.isModern;
  const react = () => reactionBox(anchor, { reactions, back: row, react: (reaction, on) => log.react(message, reaction, on) });
  const recall = () => attemptAfter(
    { title: t('recall'), text: shortText(message), label: t('recall') },
    () => client.call('recall', { conv, of: seq }),
  );
  const answered = answeredBy(message);
  const items = [
    !recalled && { label: t('reply'), act: () => pane.write('reply', message) },
    isThere && { label: t('react'), act: react },
    isThere && isOwn && { label: t('edit'), act: () => pane.write('edit', message) },
    answered && !recalled && { label: t('quote.go'), act: () => log.goTo(answered) },
    isThere && isOwn && isGroup(conv) && { label: t('seen.by'), act: () => seenDialog(client, conv, seq) },
    isThere && (isOwn || leads) && { label: t('recall'), act: recall, isDanger: true },
  ];
  if (items.some(Boolean)) showMenu(anchor, { label: t('message.acts'), items, back: row });
}

/** Who has read a message in a group, as far as the first page of members knows. */
function seenDialog(client, conv, seq) {
  peopleDialog({
    title: t('seen.by'), empty: t('seen.none'),
    load: async () => {
      const [receipts, { users }] = await Promise.all([client.call('receipts', { conv }), client.call('members', { id: idOf(conv), after: 0 })]);
      const readers = new Set(receipts.filter(({ id, read }) => id !== client.model.me && read >= seq).map(({ id }) => id));
      return users.filter(({ id }) => readers.has(id));
    },
  });
}
