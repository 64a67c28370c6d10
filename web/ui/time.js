// Times as people read them, in the browser's time zone.

import { locale, t } from '../i18n.js';

const format = (options) => new Intl.DateTimeFormat(locale, options);
const CLOCK = format({ hour: '2-digit', minute: '2-digit' });
const WEEKDAY = format({ weekday: 'short' });
const SHORT_DATE = format({ year: '2-digit', month: '2-digit', day: '2-digit' });
const DAY = format({ weekday: 'long', day: 'numeric', month: 'long' });
const DAY_OF_YEAR = format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const FULL = format({ dateStyle: 'full', timeStyle: 'medium' });

const dayNumber = (date) => Math.round(new Date(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
const daysAgo = (date) => dayNumber(new Date()) - dayNumber(date);

export const clock = (time) => CLOCK.format(new Date(time));
export const fullTime = (time) => FULL.format(new Date(time));

/** Which day it is, for comparing. */
export const dayKey = (time) => dayNumber(new Date(time));

/** The separator's text. */
export function dayLabel(time) {
  const date = new Date(time);
  const days = daysAgo(date);
  if (days === 0) return t('day.today');
  if (days === 1) return t('day.yesterday');
  return (date.getFullYear() === new Date().getFullYear() ? DAY : DAY_OF_YEAR).format(date);
}

/** As short as the list of conversations needs it. */
export function listTime(time) {
  const date = new Date(time);
  const days = daysAgo(date);
  if (days <= 0) return CLOCK.format(date);
  return (days < 7 ? WEEKDAY : SHORT_DATE).format(date);
}

/** Seconds in words. */
export function duration(seconds) {
  if (seconds < 90) return t('time.seconds', { n: Math.ceil(seconds) });
  return t('time.minutes', { n: Math.ceil(seconds / 60) });
}
