// The beginning: who is logged in, which screen is shown, and the keys that work everywhere.

import { account, onAccountChange, setAccount } from './core/account.js';
import { Client } from './core/client.js';
import { language, t } from './i18n.js';
import { showUnread } from './ui/badge.js';
import { notifyOf } from './ui/notify.js';
import { Pane } from './ui/pane.js';
import { Sidebar } from './ui/sidebar.js';
import { signInScreen } from './ui/signin.js';
import { toast } from './ui/toast.js';
import { startWorker } from './ui/worker.js';

const CONVERSATION = /^#([ug][1-9]\d*)$/;
/** Who comes and goes in a group is told to those who look at it. */
const TOLD_THERE = ['group_joined', 'group_left'];

const root = document.getElementById('root');

function showSignIn(name, notice) {
  root.className = 'alone';
  root.replaceChildren(signInScreen({ name, notice, done: enter }));
  root.querySelector(name ? '#pwd' : '#name').focus();
}

/** An account has been logged in here. A page that had one before begins anew: it may be another one. */
function enter(signedIn) {
  const before = account();
  const isFirst = !before;
  // One that was renamed keeps what is here under its first name.
  const isSame = before?.id === signedIn.id && before.name === signedIn.name;
  setAccount(isSame ? { ...before, ...signedIn } : signedIn);
  if (isFirst) showChat(signedIn);
  else location.reload();
}

async function showChat(current) {
  const client = new Client(current);
  const { model } = client;
  let target; // the message to go to in the conversation that is opened
  const open = (conv, name, seq) => {
    if (name) model.hints.set(conv, name);
    target = seq;
    if (location.hash === `#${conv}`) route();
    else location.hash = conv;
  };
  const leave = () => { location.hash = ''; };
  const sidebar = new Sidebar(client, open);
  const pane = new Pane(client, { open, leave });

  function route() {
    const conv = CONVERSATION.exec(location.hash)?.[1] ?? null;
    root.dataset.view = conv ? 'conversation' : 'list';
    sidebar.select(conv);
    if (conv !== pane.conv) pane.show(conv, target);
    else if (target) pane.goTo(target);
    const isFound = Boolean(target);
    target = undefined;
    // After a reload nothing may name somebody to whom nothing was said yet.
    if (conv) client.call('learnName', { conv }).catch(() => {});
    if (conv && !isFound && matchMedia('(pointer: fine)').matches) pane.focus();
  }

  model.listen((event) => {
    const isTold = event.type === 'notice' && (!TOLD_THERE.includes(event.kind) || event.conv === pane.conv);
    if (isTold) toast(t(`notice.${event.kind}`, event), event.text && 60_000);
    if (event.type === 'removed' && event.conv === pane.conv) leave();
    if (event.type === 'status' && event.status.reason === 'expired') showSignIn(current.name, t('signin.expired'));
  });
  root.className = 'chat';
  root.replaceChildren(sidebar.element, pane.element);
  showUnread(model);
  notifyOf(client, open);
  addEventListener('hashchange', route);
  addEventListener('keydown', (event) => onKey(event, { sidebar, pane, open, leave }));
  await client.start().catch((error) => {
    console.error(error);
    toast(t('notice.storage'));
  });
  route();
}

function onKey(event, { sidebar, pane, open, leave }) {
  if (document.querySelector('dialog[open], .popover')) return;
  const { key } = event;
  const step = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[key];
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'k') {
    if (root.dataset.view === 'conversation' && isNarrow()) leave();
    sidebar.focusSearch();
  } else if (step && sidebar.neighbour(step)) {
    open(sidebar.neighbour(step));
  } else if (key === 'Escape' && pane.conv && !event.isComposing) {
    if (isNarrow()) leave();
    sidebar.focusList();
  } else return;
  event.preventDefault();
}

const isNarrow = () => matchMedia('(max-width: 719px)').matches;

document.documentElement.lang = language;
// Another tab has logged in or out: this one follows.
onAccountChange(() => location.reload());
// A page out of the browser's cache has missed what happened since.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());

startWorker();
const current = account();
if (current) showChat(current);
else showSignIn();
