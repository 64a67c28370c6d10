// The first screen: name and password.

import { Refused } from '../core/connection.js';
import { signIn } from '../core/signin.js';
import { t } from '../i18n.js';
import { h } from './dom.js';
import { errorText } from './errors.js';

/** `notice` is said on top, `name` is filled in; `done(account)` follows. */
export function signInScreen({ name = '', notice, done }) {
  let isNew = false;
  const nameBox = h('input', { id: 'name', value: name, required: true, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', dir: 'auto' });
  const pwdBox = h('input', { id: 'pwd', type: 'password', required: true });
  const submit = h('button.primary', { type: 'submit' });
  const error = h('p.error', { role: 'alert' });
  const modes = [false, true].map((mode) =>
    h('button', { onclick: () => choose(mode) }, t(mode ? 'signin.new' : 'signin.existing')));
  const form = h('form.signin', { onsubmit: send },
    h('img', { src: 'icon.svg', alt: '', width: 64, height: 64 }),
    h('h1', {}, 'Stonechat'),
    h('p.hint', {}, t('signin.about')),
    notice && h('p.notice', { role: 'status' }, notice),
    h('div.modes', { role: 'group', 'aria-label': t('signin.about') }, modes),
    h('label', { for: 'name' }, t('signin.name')), nameBox,
    h('label', { for: 'pwd' }, t('signin.password')), pwdBox,
    error, submit,
    !isSecureContext && h('p.hint', {}, t('signin.insecure')));

  function choose(mode) {
    isNew = mode;
    modes.forEach((button, index) => button.setAttribute('aria-pressed', String(Boolean(index) === isNew)));
    submit.textContent = t(isNew ? 'signin.register' : 'signin.login');
    pwdBox.autocomplete = isNew ? 'new-password' : 'current-password';
    error.textContent = '';
  }

  async function send(event) {
    event.preventDefault();
    error.textContent = '';
    submit.disabled = true;
    try {
      done(await signIn({ name: nameBox.value.trim(), pwd: pwdBox.value, isNew }));
    } catch (failure) {
      error.textContent = reason(failure);
    } finally {
      submit.disabled = false;
    }
  }

  function reason(failure) {
    if (!(failure instanceof Refused)) return t('signin.unreachable');
    if (failure.errno === 1) return t(isNew ? 'signin.taken' : 'signin.wrong');
    if (failure.errno === 2) return t('signin.elsewhere');
    return errorText(failure);
  }

  choose(false);
  return h('div.center', {}, form);
}
