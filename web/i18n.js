// The texts in the user's language. Every text of the screens is in the tables of lang/; both have the same keys.

import en from './lang/en.js';
import zh from './lang/zh.js';

const TABLES = { en, zh };

/** The first language of the browser's list that there is a table for. */
export const language =
  (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TABLES) ?? 'en';

/** For Intl: the browser's own variant of that language, so that times look as they do elsewhere on this machine. */
export const locale = navigator.languages?.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;

/** The text of a key, with `{name}` replaced by values. Of two texts the first is for a number `n` of one. */
export function t(key, values = {}) {
  const entry = TABLES[language][key];
  if (entry === undefined) throw new Error(`no text: ${key}`);
  const text = Array.isArray(entry) ? entry[values.n === 1 ? 0 : 1] : entry;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
