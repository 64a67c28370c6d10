// The text of a message: links can be clicked, everything else stands as it was typed.

import { h } from './dom.js';

const URLS = /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/gi;
const TRAILING = /[.,;:!?*_~]+$/;
const EMOJI = /\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier}|\u200d\p{Extended_Pictographic})*|\p{Regional_Indicator}{2}/u;
const EMOJI_ONLY = new RegExp(`^(?:(?:${EMOJI.source})\\s?){1,3}$`, 'u');

/** Parts of a line, those that are there. */
export const dotted = (...parts) => parts.filter(Boolean).join(' · ');

/** The words of a user about oneself. Other clients may have put anything there. */
export const aboutOf = (user) => (typeof user?.ext?.about === 'string' ? user.ext.about : '');

/** The text as nodes. */
export function nodesOf(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(URLS)) {
    const url = trimmed(match);
    if (!isUrl(url)) continue;
    nodes.push(text.slice(end, index), h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, url));
    end = index + url.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

/** Up to three emoji and nothing else: they are shown large. */
export const isEmojiOnly = (text) => text.length < 64 && EMOJI_ONLY.test(text.trim());

/** Without what belongs to the sentence around it: a full stop, a bracket that was opened before. */
function trimmed(url) {
  let rest = url;
  for (let before = ''; before !== rest;) {
    before = rest;
    rest = rest.replace(TRAILING, '');
    if (rest.endsWith(')') && !rest.includes('(')) rest = rest.slice(0, -1);
    if (rest.endsWith(']') && !rest.includes('[')) rest = rest.slice(0, -1);
  }
  return rest;
}

function isUrl(text) {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}
