// The service worker's side in the page. There is none where the page is not secure.

const { serviceWorker: workers } = navigator;

/** Registers it when everything else is done. */
export function startWorker() {
  if (!workers) return;
  // The page's policy lets no plain text become the address of a script.
  const policy = window.trustedTypes?.createPolicy('worker', { createScriptURL: (url) => url });
  const register = () => workers.register(policy?.createScriptURL('sw.js') ?? 'sw.js').catch(() => {});
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** Calls `open` with the conversation of a notification that was clicked. */
export function onNotificationClick(open) {
  workers?.addEventListener('message', ({ data }) => data.open && open(data.open));
}

export async function notifyByWorker(title, options) {
  const registration = await workers.ready;
  await registration.showNotification(title, options);
}
