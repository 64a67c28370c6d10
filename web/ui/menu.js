// Small boxes beside what they belong to: a menu of choices, or anything else. The browser closes them with Escape and by a
// click elsewhere.

import { h } from './dom.js';

const GAP = 6;

/** Shows a box beside `anchor`; `content(close)` gives what is in it. The focus goes to its first button or field, and back. */
export function showBeside(anchor, { role, label, content, back = anchor }) {
  const close = () => box.hidePopover();
  const box = h('div.popover', { popover: 'auto', role, 'aria-label': label });
  box.append(...[content(close)].flat());
  box.addEventListener('beforetoggle', ({ newState }) => {
    if (newState === 'closed' && box.contains(document.activeElement)) back.focus({ preventScroll: true });
  });
  const fit = () => place(box, anchor.getBoundingClientRect());
  box.addEventListener('toggle', ({ newState }) => {
    if (newState !== 'closed') return;
    box.remove();
    removeEventListener('resize', fit);
  });
  (anchor.closest('dialog') ?? document.getElementById('root')).append(box);
  box.showPopover();
  fit();
  addEventListener('resize', fit);
  box.querySelector('button, input').focus({ preventScroll: true });
  return close;
}

/** Below the anchor, or above it where there is more room. */
function place(box, { left, right, top, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = box;
  const isBelow = bottom + GAP + height <= innerHeight || top < innerHeight - bottom;
  const x = left + width + GAP <= innerWidth ? left : right - width;
  box.style.left = `${Math.max(GAP, Math.min(x, innerWidth - width - GAP))}px`;
  box.style.top = `${Math.max(GAP, isBelow ? Math.min(bottom + GAP, innerHeight - height - GAP) : top - GAP - height)}px`;
}

/** A menu of `{label, act, isDanger}`. What is false is left out. */
export function showMenu(anchor, { label, items, back }) {
  showBeside(anchor, {
    role: 'menu', label, back,
    content: (close) => items.filter(Boolean).map(({ label: text, act, isDanger }) =>
      h(`button${isDanger ? '.danger' : ''}`, { role: 'menuitem', onkeydown: onKey, onclick: () => { close(); act(); } }, text)),
  });
}

function onKey(event) {
  const all = [...event.target.parentNode.children];
  const place = all.indexOf(event.target);
  const places = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  event.stopPropagation();
  all.at(places[event.key] % all.length).focus();
}
