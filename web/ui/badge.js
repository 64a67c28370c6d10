// The number of unread messages in the title and the icon of the tab.

import { batched } from './dom.js';

const BASE = 'Stonechat';
/** The server counts a hundred of a conversation and no further. */
const COUNT_MAX = 99;

/** A count as it is shown. */
export const counted = (count) => (count > COUNT_MAX ? `${COUNT_MAX}+` : String(count));

export function showUnread(model) {
  const link = document.querySelector('link[rel=icon]');
  const plain = link.href;
  let shown = 0;
  const draw = batched(() => {
    const count = model.unreadTotal();
    document.title = count ? `(${counted(count)}) ${BASE}` : BASE;
    if (count !== shown) link.href = count ? `data:image/svg+xml,${encodeURIComponent(sign(count))}` : plain;
    shown = count;
  });
  model.listen(draw);
  draw();
}

const sign = (count) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#a8471f"/>` +
  `<text x="16" y="23" font-family="sans-serif" font-weight="700" font-size="${count > 9 ? 17 : 21}" text-anchor="middle" fill="#fff">` +
  `${Math.min(count, COUNT_MAX)}</text></svg>`;
