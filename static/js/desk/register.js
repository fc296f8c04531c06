// Improves the register: a tap is sent from where one is, and its row changes in place; without network it waits, and
// says so. Without this, each tap is a page.

import { all, drop, keep } from "./waiting.js";

const said = document.querySelector("#dit");
const counts = document.querySelector("#comptes");
const path = location.pathname; // the form's own address too
const EVERY = 20_000; // ms between two tries, while something waits

const home = path.replace(/\/pro\/.*$/, "/pro/"); // each language has a worker of its own: a scope is a folder

navigator.serviceWorker?.register(`${home}veille.js`, { scope: home }).catch(() => {}); // less without it, never broken

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-mark]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  if (form.dataset.sent) return; // the row is replaced by the answer: a second tap waits for it
  form.dataset.sent = "1";
  const tap = { form: path, inscrit: form.elements.inscrit.value, etat: event.submitter.value, moment: Date.now() };
  try {
    const answer = await send(tap);
    if (answer.redirected) await keep(tap); // signed out meanwhile: it is sent for whoever signs in again
    else await drop(tap).catch(() => {}); // an older answer for the same person no longer counts
    if (answer.redirected) location.reload();
  } catch {
    await keep(tap).then(() => wait(tap), () => { said.textContent = said.dataset.failed; });
  } finally {
    delete form.dataset.sent;
  }
});

if (said && !navigator.onLine) said.textContent = said.dataset.copy;
addEventListener("online", flush);
setInterval(flush, EVERY);
flush();

// Throws while nobody answers. How old a tap is goes with it, not when it was: a phone's clock may be wrong.
async function send(tap, age = "") {
  const body = new URLSearchParams({ inscrit: tap.inscrit, etat: tap.etat, age });
  const answer = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.status >= 500) throw new Error(answer.status);
  if (answer.headers.get("content-type")?.startsWith("application/json")) show(await answer.json(), tap.etat);
  else if (!answer.redirected) said.textContent = said.dataset.refused;
  return answer;
}

async function flush() {
  const taps = said && (await all(path).catch(() => []));
  for (const tap of taps ?? []) {
    wait(tap);
    try {
      const answer = await send(tap, Math.max(0, Date.now() - tap.moment));
      if (answer.redirected) return; // to the door: the next page of the desk says so
      await drop(tap);
    } catch {
      return; // still no network
    }
  }
}

function wait(tap) {
  const row = document.getElementById(`i-${tap.inscrit}`);
  if (row && !row.querySelector(".waiting")) {
    const note = document.createElement("p");
    note.className = "waiting";
    note.textContent = said.dataset.waiting;
    row.querySelector(".who").append(note);
  }
  for (const button of row?.querySelectorAll("button[aria-pressed]") ?? []) {
    button.setAttribute("aria-pressed", String(button.value === tap.etat));
  }
  said.textContent = said.dataset.kept;
}

// What the server drew, instead of what was there; the finger, or the keyboard, stays where it was.
function show(parts, state) {
  const old = document.getElementById(parts.id);
  if (old) {
    const held = old.contains(document.activeElement);
    const drawn = new DOMParser().parseFromString(parts.row, "text/html").body.firstElementChild;
    old.replaceWith(drawn);
    if (held) (drawn.querySelector(`button[value="${state || "present"}"]`) ?? drawn).focus({ preventScroll: true });
  }
  counts.textContent = text(parts.counts);
  said.textContent = text(parts.said);
}

function text(html) {
  return new DOMParser().parseFromString(html, "text/html").body.textContent.replace(/\s+/g, " ").trim();
}
