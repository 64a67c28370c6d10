// The browser's notifications: asked for by a click, shown by the tab with the connection while no tab is looked at.

import { isMessage } from '../core/messages.js';
import { isGroup } from '../core/protocol.js';
import { t } from '../i18n.js';
import { h } from './dom.js';
import { mentions, shortText } from './message.js';
import { toast } from './toast.js';
import { notifyByWorker, onNotificationClick } from './worker.js';

const SETTING = 'stonechat.notify';

/** Only secure pages have them, and phones only by a service worker. */
const isPossible = () => 'Notification' in window && 'serviceWorker' in navigator;
const isOn = () => isPossible() && Notification.permission === 'granted' && localStorage.getItem(SETTING) === 'on';

export function notificationButton() {
  const button = h('button.wide', { onclick: toggle });
  const show = () => {
    button.textContent = t(!isPossible() ? 'notify.impossible' : isOn() ? 'notify.off' : 'notify.on');
    button.disabled = !isPossible();
  };

  async function toggle() {
    const wanted = !isOn();
    if (wanted && (await Notification.requestPermission()) !== 'granted') toast(t('notify.denied'));
    localStorage.setItem(SETTING, wanted ? 'on' : 'off');
    // Whoever wants to be told wants the browser to keep what was told.
    if (wanted) navigator.storage?.persist?.();
    show();
  }

  show();
  return button;
}

/** Shows new messages of others. */
export function notifyOf(client, open) {
  onNotificationClick(open);
  client.model.listen(async (event) => {
    if (event.type !== 'messages' || !(event.incoming || event.isNews) || !client.session || !isOn()) return;
    const { model } = client;
    const isTold = (message) => !model.record(message.conv).muted || mentions(message, model.me);
    const isUnread = ({ id, conv, seq }) => id !== model.me && seq > model.record(conv).read;
    const last = event.list.filter((message) => isMessage(message) && isUnread(message) && isTold(message)).at(-1);
    if (last && !(await client.isLookedAt())) show(model, last);
  });
}

function show(model, message) {
  const { conv, name } = message;
  const title = isGroup(conv) ? `${name} · ${model.nameOf(conv)}` : name;
  notifyByWorker(title, { body: shortText(message), tag: conv, icon: 'icon.svg', data: conv });
}
