// What works and what does not, in words.

import { Disconnected } from '../core/connection.js';
import { t } from '../i18n.js';
import { duration } from './time.js';

const KNOWN = { 403: 'error.forbidden', 404: 'error.missing', 413: 'error.large', 500: 'error.unavailable', 503: 'error.unavailable' };

/** How the connection is. */
export function statusText({ state, reason }) {
  if (state === 'waiting' && navigator.onLine === false) return t('status.offline');
  return t(`status.${state === 'stopped' ? reason : state}`);
}

/** The text for a refusal `{errno, errmsg, wait}`, or for a connection that is not there. */
export function errorText(error) {
  if (error instanceof Disconnected) return t('error.offline');
  const { errno, errmsg = error.message, wait } = error;
  if (errno === 429) return t('error.wait', { time: duration(wait ?? 60) });
  if (errno in KNOWN) return t(KNOWN[errno]);
  return t('error.other', { text: errmsg });
}
