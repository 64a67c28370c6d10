// Short news at the edge of the screen, which screen readers say.

import { h } from './dom.js';

const SHOWN_MS = 6000;
const AT_ONCE_MAX = 3;

const region = h('div.toasts', { role: 'status' });
document.body.append(region);

export function toast(text) {
  const element = h('p.toast', { dir: 'auto' }, text);
  region.append(element);
  while (region.children.length > AT_ONCE_MAX) region.firstChild.remove();
  setTimeout(() => element.remove(), SHOWN_MS);
}
