// The page opens without a server, and a click on a notification leads to it. Files come from the network whenever there is
// one, so that a new server's client is used at once.

const KEPT = 'stonechat';
/** A network that swallows everything counts as none. */
const PATIENCE_MS = 4000;

/** The page names all files that it needs. */
async function keepAll() {
  const page = await (await fetch('./')).text();
  const files = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, file]) => file);
  await (await caches.open(KEPT)).addAll(['./', ...files]);
}

async function answer(event) {
  const { request } = event;
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    // The page does not wait for that.
    if (response.ok) event.waitUntil(keep(request, response.clone()));
    return response;
  } catch (error) {
    const known = await caches.match(request);
    if (!known) throw error;
    return known;
  }
}

async function keep(request, response) {
  await (await caches.open(KEPT)).put(request, response);
}

async function show(conv) {
  const [page] = await clients.matchAll({ type: 'window' });
  if (!page) return clients.openWindow(`./#${conv}`);
  page.postMessage({ open: conv });
  return page.focus();
}

addEventListener('install', (event) => event.waitUntil(keepAll().then(() => skipWaiting())));
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const isOurs = event.request.method === 'GET' && new URL(event.request.url).origin === location.origin;
  if (isOurs) event.respondWith(answer(event));
});
addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data));
});
