// Making elements, and keeping lists of them in step with data.

/** An element: `h('button.primary', {onclick}, 'Send')`. Empty attributes and children are left out. */
export function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  if (tag === 'button') element.type = 'button';
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Attributes of a button that shows no text. */
export const named = (name) => ({ 'aria-label': name, title: name });

/** Text for screen readers only. */
export const spoken = (text) => h('span.spoken', {}, text);

/**
 * Makes the parent's children those of `rows`: `{key, sign, make}`. An element is kept as long as its row's `sign` stays the
 * same; the focus stays on the row that has it.
 */
export function reconcile(parent, rows) {
  const old = parent.rows ?? new Map();
  const focused = [...old].find(([, { element }]) => element.contains(document.activeElement))?.[0];
  const current = new Map();
  for (const { key, sign, make } of rows) {
    const known = old.get(key);
    current.set(key, known?.sign === sign ? known : { sign, element: make() });
  }
  for (const [key, { element }] of old) if (current.get(key)?.element !== element) element.remove();
  let next = parent.firstChild;
  for (const { element } of current.values()) {
    if (element === next) next = next.nextSibling;
    else parent.insertBefore(element, next);
  }
  parent.rows = current;
  const holder = focused !== undefined && current.get(focused)?.element;
  if (holder && !holder.contains(document.activeElement)) (holder.matches('[tabindex]') ? holder : (holder.querySelector('button') ?? holder)).focus();
}

/** Calls `draw` once for all calls of the result in the same turn. Not by frames: hidden tabs have none. */
export function batched(draw) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      draw();
    });
  };
}

const SVG = 'http://www.w3.org/2000/svg';
const PATHS = {
  back: 'M15 5l-7 7 7 7',
  send: 'M4 12l16-8-5 16-3-7zM12 13l8-9',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  plus: 'M12 5v14M5 12h14',
  down: 'M6 9l6 6 6-6',
  check: 'M5 13l4 4 10-10',
  checks: 'M2 13l4 4 9-10M11 16l1 1 9-10',
  clock: 'M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  alert: 'M12 7v6M12 16.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M16 16l5 5M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13',
  muted: 'M4 9v6h4l5 4V5L8 9zM17 9l5 6M22 9l-5 6',
  pin: 'M9 3h6l-1 7 4 4H6l4-4zM12 14v7',
  reply: 'M9 6L3 12l6 6M3 12h10c5 0 8 3 8 7',
  edit: 'M4 20l1-5L16 4l4 4L9 19z',
  info: 'M12 11v6M12 7.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  group: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20c0-3.6 2.9-6 6.500-6s6.500 2.400 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500c2.200.8 3.500 2.800 3.500 5.500',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}
