// The texts in the user's language. Every text of the screens is in the tables of lang/; both have the same keys.

import en from './lang/en.js';
import zh from './lang/zh.js';

const TABLES = { en, zh };

/** The first language of the browser's list that there is a table for. */
export const language =
  (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TABLES) ?? 'en';

/** For Intl: the browser's own variant of that language, so that times look as they do elsewhere on this machine. */
export const locale = navigator.languages?.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;

/** The text of a key, with `{name}` replaced by values. A key with `_1` is for a number `n` of one. */
export function t(key, values = {}) {
  const table = TABLES[language];
  const text = (values.n === 1 && table[`${key}_1`]) || table[key];
  if (text === undefined) throw new Error(`no text: ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
