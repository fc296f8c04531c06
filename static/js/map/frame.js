// The frame of a map: Leaflet's canvas, buttons, gestures, the bar under it. Called by the script of geo/maps.py.
// The other files of this folder receive the map, with `map.site` for what they share.

export function siteMap(id) {
  const frame = document.getElementById(id);
  const config = JSON.parse(frame.dataset.config);
  const { labels } = config;
  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const canvas = element("div", { class: "sitemap-canvas", role: "group", "aria-label": labels.canvas });
  const hint = element("p", { class: "sitemap-hint", "aria-hidden": "true", hidden: "" });
  const status = element("p", { class: "sitemap-status", role: "status" });
  const credits = element("p", { class: "sitemap-credits" });
  const stage = element("div", { class: "sitemap-stage" }, canvas, credits, hint);
  frame.replaceChildren(stage, status);

  const map = L.map(canvas, {
    zoomControl: false, attributionControl: false, scrollWheelZoom: false, trackResize: false,
    minZoom: 3, maxZoom: 19, maxBounds: [[-65, -220], [75, 220]], maxBoundsViscosity: 0.8,
    zoomAnimation: !reduced, fadeAnimation: !reduced, markerZoomAnimation: !reduced, inertia: !reduced,
  });
  const plurals = new Intl.PluralRules(language());
  const numbers = new Intl.NumberFormat(language());
  let ours = false; // the move under way was not asked for by the visitor

  map.site = {
    config, labels, frame, stage, reduced, element, fill,
    language: language(),
    number: (n) => numbers.format(n),
    count: (what, n) => fill(labels[`${what}_${plurals.select(n)}`] ?? labels[`${what}_other`], { n: numbers.format(n) }),
    say: (text) => { status.textContent = text; },
    credit(pairs) {
      const parts = pairs.map(([text, href]) => (href ? element("a", { href }, text) : text));
      credits.replaceChildren(...parts.flatMap((part, index) => (index ? [" · ", part] : [part])));
    },
    // Moves the map without offering to search there.
    quietly(move) { ours = true; move(); if (!map._panAnim?._inProgress && !map._animatingZoom) ours = false; },
    here: (address) => at(map, address),
    icon,
  };
  map.on("autopanstart", () => { ours = true; });
  map.on("moveend", () => {
    if (!ours && config.search && map._loaded) offerSearch(map);
    ours = false;
  });

  buttons(map);
  views(map, frame);
  gestures(map, hint);
  map.site.quietly(() => start(map));
  // The frame may be shown, turned or widened later: Leaflet does not notice.
  new ResizeObserver(() => map.site.quietly(() => map.invalidateSize({ pan: false }))).observe(canvas);
  if (config.here) mark(map, config.here);
  return map;
}

// Numbers in the digits of the page, whatever those of the country whose language it is.
function language() {
  return `${document.documentElement.lang || "fr"}-u-nu-latn`;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
}

function icon(path) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("aria-hidden", "true");
  made.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  made.firstChild.setAttribute("d", path);
  return made;
}

// An address of our site for what is in view; `{south}` and its like are filled, all rounded to some ten metres.
function at(map, address) {
  const box = map.getBounds();
  const lat = (value) => Math.max(-90, Math.min(90, value)).toFixed(4);
  // Past the antimeridian Leaflet counts on; the server begins again, and takes a west that is east of its east.
  const whole = box.getEast() - box.getWest() >= 360;
  const lon = (value, edge) => (whole ? edge : L.Util.wrapNum(value, [-180, 180], true)).toFixed(4);
  return fill(address, {
    south: lat(box.getSouth()), west: lon(box.getWest(), -180), north: lat(box.getNorth()), east: lon(box.getEast(), 180),
    zoom: map.getZoom(),
  });
}

function start(map) {
  const { view } = map.site.config;
  if (view.at) return map.setView(view.at, view.zoom, { animate: false });
  const [south, west, north, east] = view.box;
  const box = L.latLngBounds([south, west], [north, east]);
  // A zone is what a map of this size has shown before: with a margin around it, it would be shown from farther away.
  if (map.site.config.exact) return map.fitBounds(box.pad(-0.03), { animate: false });
  return map.fitBounds(box, { padding: [12, 12], maxZoom: 15, animate: false });
}

// Where the search is made around. Its name is written by ground.js, or by the tiles.
function mark(map, { at: place, km }) {
  if (km) L.circle(place, { radius: km * 1000, className: "sitemap-radius", interactive: false }).addTo(map);
  L.marker(place, {
    icon: L.divIcon({ className: "sitemap-here", iconSize: [18, 18] }),
    interactive: false, keyboard: false, zIndexOffset: -1000,
  }).addTo(map).getElement().setAttribute("aria-hidden", "true");
}

function offerSearch(map) {
  const { config, labels, stage, element: make } = map.site;
  let link = stage.querySelector(".sitemap-search");
  if (!link) stage.append(link = make("a", { class: "sitemap-search btn" }, labels.search_here));
  link.href = at(map, config.search);
}

function buttons(map) {
  const { labels, element: make, stage } = map.site;
  const button = (name, path, act, extra = {}) => {
    const made = make("button", { type: "button", title: labels[name], "aria-label": labels[name], ...extra }, icon(path));
    made.addEventListener("click", act);
    return made;
  };
  const larger = button("zoom_in", "M12 5v14M5 12h14", () => map.zoomIn());
  const smaller = button("zoom_out", "M5 12h14", () => map.zoomOut());
  // Dragging needs another way, by a single press (WCAG 2.2, 2.5.7).
  const step = (x, y) => () => map.panBy([x * map.getSize().x / 3, y * map.getSize().y / 3], { animate: !map.site.reduced });
  const arrows = make("div", { class: "sitemap-arrows", hidden: "" },
    button("north", "M6 15l6-6 6 6", step(0, -1)), button("west", "M15 6l-6 6 6 6", step(-1, 0)),
    button("east", "M9 6l6 6-6 6", step(1, 0)), button("south", "M6 9l6 6 6-6", step(0, 1)));
  const move = button("move", "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3", () => {
    arrows.hidden = !arrows.hidden;
    move.setAttribute("aria-expanded", String(!arrows.hidden));
  }, { "aria-expanded": "false" });
  stage.prepend(make("div", { class: "sitemap-buttons" }, larger, smaller, move, arrows));
  map.on("zoomend", () => {
    // Not `disabled`: the focus would be lost at the last step.
    larger.setAttribute("aria-disabled", String(map.getZoom() >= map.getMaxZoom()));
    smaller.setAttribute("aria-disabled", String(map.getZoom() <= map.getMinZoom()));
  });
}

function views(map, frame) {
  const { config, labels, element: make } = map.site;
  if (!config.views.length) return;
  const list = make("ul", { class: "sitemap-views", "aria-label": labels.views });
  for (const { name, at: place, zoom } of config.views) {
    const go = make("button", { type: "button" }, name);
    go.addEventListener("click", () => map.setView(place, zoom, { animate: false }));
    list.append(make("li", {}, go));
  }
  frame.append(list);
}

// One finger and the wheel belong to the page; two fingers, or a wheel after a click in the map, belong to the map.
function gestures(map, hint) {
  const { labels } = map.site;
  const canvas = map.getContainer();
  let timer;
  const tell = (text) => {
    hint.textContent = text;
    hint.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { hint.hidden = true; }, 1600);
  };
  canvas.addEventListener("pointerdown", (event) => {
    map.dragging[event.pointerType === "touch" ? "disable" : "enable"]();
  }, true);
  canvas.addEventListener("touchmove", (event) => {
    if (event.touches.length === 1) tell(labels.hint_touch);
    else hint.hidden = true;
  }, { passive: true });
  canvas.addEventListener("wheel", () => { if (!map.scrollWheelZoom.enabled()) tell(labels.hint_wheel); }, { passive: true });
  canvas.addEventListener("focusin", () => map.scrollWheelZoom.enable());
  canvas.addEventListener("mousedown", () => map.scrollWheelZoom.enable());
  const leave = () => map.scrollWheelZoom.disable();
  canvas.addEventListener("mouseleave", leave);
  canvas.addEventListener("focusout", leave);
}
