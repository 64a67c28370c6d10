// Short news at the edge of the screen, which screen readers say.

import { h } from './dom.js';

const AT_ONCE_MAX = 3;

const region = h('div.toasts', { role: 'status' });
document.body.append(region);

export function toast(text, shownMs = 6000) {
  const element = h('p.toast', { dir: 'auto' }, text);
  region.append(element);
  while (region.children.length > AT_ONCE_MAX) region.firstChild.remove();
  setTimeout(() => element.remove(), shownMs);
}
