// Improves /integrer: the preview follows the form, code is copied by a button, the systems are tabs (W3C APG, manual
// activation). Without it the form's button does the first, and everything else is on the page.

const form = document.querySelector("[data-live-form]");
const status = document.querySelector("[data-status]");
const name = form.querySelector("#nom");
let timer;
let asking;

form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(follow, 500); });
form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); follow(); });
form.addEventListener("change", (event) => {
  if (event.target.name === "choix") name.value = ""; // one of those found: the words have served
});

async function follow() {
  asking?.abort();
  asking = new AbortController();
  const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  if (name.value.trim()) fields.delete("choix");
  const address = `${form.action}?${fields}`;
  try {
    const answer = await fetch(address, { signal: asking.signal });
    if (!answer.ok) return;
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    history.replaceState(null, "", address);
  } catch { /* the next change, or the button, asks again */ }
}

function show(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!next || next.innerHTML === part.dataset.shown) continue;
    part.dataset.shown = next.innerHTML;
    const focused = part.contains(document.activeElement) && document.activeElement;
    if (focused?.name === "choix") continue; // the list one chooses from stays under the finger
    part.replaceChildren(...next.childNodes);
    if (focused?.id) document.getElementById(focused.id)?.focus();
  }
  ready();
  status.textContent = "";
  setTimeout(() => { status.textContent = status.dataset.status; }, 50);
}

function ready() {
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
}
for (const part of document.querySelectorAll("[data-live]")) part.dataset.shown = part.innerHTML;
ready();

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // plain http has no clipboard
  }
  status.textContent = button.dataset.done;
  const words = button.firstChild;
  const before = words.textContent;
  if (before === button.dataset.done) return;
  words.textContent = button.dataset.done;
  setTimeout(() => { words.textContent = before; }, 2000);
});

const box = document.querySelector("[data-tabs]");
const panels = [...box.children];
const list = Object.assign(document.createElement("div"), { className: "tabs" });
list.setAttribute("role", "tablist");
list.setAttribute("aria-label", box.dataset.label);
const tabs = panels.map((panel) => {
  const heading = panel.querySelector("h3");
  const tab = Object.assign(document.createElement("button"), { type: "button", id: `onglet-${panel.id}`, textContent: heading.textContent });
  heading.classList.add("hidden");
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panel.id);
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(tab);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    tabs.at(next % tabs.length).focus();
  });
  return tab;
});
list.append(...tabs);
box.prepend(list);
choose(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? tabs[0]);

function choose(chosen) {
  for (const [place, tab] of tabs.entries()) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    panels[place].hidden = !on;
  }
}
