// The service worker of the desk: today's register can be read again where there is no network. It keeps the page of a
// register until midnight (the server says until when), and what that page is drawn with. Signing out clears it all.

const PAGES = "desk-pages";
const FILES = "desk-files";
const REGISTER = /^(\/[a-z]{2,3})?\/pro\/ateliers\/\d+\/emargement$/;
const UNTIL = "X-Keep-Until"; // milliseconds since 1970; absent: not to be kept

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(begin()));

// The page that brought this worker was drawn without it.
async function begin() {
  await forget();
  await self.clients.claim();
  for (const client of await self.clients.matchAll({ type: "window" })) await renew(new URL(client.url).pathname);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(event, request, url));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});

async function page(event, request, url) {
  await forget();
  try {
    const answer = await fetch(request);
    // Sent to the door: whoever was signed in is no more, and nothing of theirs stays.
    if (answer.type === "opaqueredirect") await caches.delete(PAGES);
    else if (url.search) event.waitUntil(renew(url.pathname)); // a notice, a search: not the register as it is
    else await put(url.pathname, answer);
    return answer;
  } catch (error) {
    const kept = REGISTER.test(url.pathname) && (await (await caches.open(PAGES)).match(url.pathname));
    if (kept) return kept;
    throw error;
  }
}

async function renew(path) {
  if (!REGISTER.test(path)) return;
  const answer = await fetch(path, { redirect: "manual" }).catch(() => null);
  if (answer) await put(path, answer);
}

async function put(path, answer) {
  if (!REGISTER.test(path) || !answer.ok || !(until(answer) > Date.now())) return;
  await (await caches.open(PAGES)).put(path, answer.clone());
}

async function file(request) {
  const cache = await caches.open(FILES);
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      await cache.delete(request, { ignoreSearch: true }); // its former version
      await cache.put(request, answer.clone());
    }
    return answer;
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}

// Pages whose day is over.
async function forget() {
  const cache = await caches.open(PAGES);
  for (const request of await cache.keys()) {
    const kept = await cache.match(request);
    if (!(until(kept) > Date.now())) await cache.delete(request);
  }
}

function until(answer) {
  return Number(answer.headers.get(UNTIL) ?? 0);
}
