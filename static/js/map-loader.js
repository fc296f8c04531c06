// Opens the map when it is wanted: by itself on wide screens once it is in view and the page is idle, else by a button.
// The map's own files load only then. See geo/maps.py for the markup of the frame.
const frame = document.querySelector(".sitemap[data-script]");
const section = frame?.closest("[data-map]");
const buttons = document.querySelectorAll("button[data-map-open]");
let loading;

function put(rel, href) {
  const link = Object.assign(document.createElement("link"), { rel, href });
  const done = new Promise((resolve, reject) => Object.assign(link, { onload: resolve, onerror: reject }));
  document.head.append(link);
  return done;
}

function load() {
  const { script, styles, modules } = frame.dataset;
  for (const href of modules.split(" ")) put("modulepreload", href).catch(() => {});
  // The map measures itself: its styles come first.
  return Promise.all(styles.split(" ").map((href) => put("stylesheet", href)))
    .then(() => { show(true); return import(script); })
    .then(() => section.classList.remove("is-broken"))
    .catch(() => { show(false); section.classList.add("is-broken"); loading = undefined; });
}

function show(open) {
  frame.hidden = !open;
  section.classList.toggle("is-open", open);
  for (const button of buttons) {
    button.setAttribute("aria-expanded", open);
    button.textContent = open ? button.dataset.close : button.dataset.mapOpen;
  }
}

async function toggle() {
  if (loading && !frame.hidden) return show(false);
  if (loading) show(true);
  await (loading ??= load());
  if (frame.hidden) return;
  section.scrollIntoView({ block: "start" });
  frame.focus({ preventScroll: true });
}

if (section) {
  for (const button of buttons) {
    // Its paragraph is hidden in the page: without scripts there is nothing to open.
    button.dataset.mapOpen = button.textContent.trim();
    button.dataset.close ??= button.dataset.mapOpen;
    button.setAttribute("aria-expanded", "false");
    button.closest("[hidden]").hidden = false;
    button.addEventListener("click", toggle);
  }
  // In a frame on another site the host decides when it comes; there, Chromium may never say that it is in view.
  const now = section.dataset.map === "now";
  if ((now || matchMedia("(min-width: 64rem)").matches) && !navigator.connection?.saveData) {
    const open = () => { loading ??= load(); };
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      (window.requestIdleCallback ?? setTimeout)(open);
    });
    if (now) open();
    else seen.observe(section);
  }
}
