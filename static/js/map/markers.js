// The venues of the viewport: one marker for a venue alone or for a cluster, kept in step with the list of results.
// GeoJSON of geo.clusters.feature_collection. Called by the script of geo/maps.py.

const PAUSE = 180; // milliseconds of rest before the server is asked
const RISE = 24; // a pin's head is above its position; geo/clusters.py keeps them apart with the same figures
const STREET = 17; // from this zoom on a cluster is one address

export function viewportMarkers(map) {
  const { config, labels, frame, stage, element } = map.site;
  const shown = new Map(); // key -> { feature, marker }
  const cards = [...document.querySelectorAll("[data-venue]")];
  const tooltip = L.tooltip({ className: "sitemap-tip", opacity: 1 });
  let current; // key of the one marker that the Tab key reaches
  let opened; // key of the marker whose popup is open
  let entering; // where the keyboard asked to enlarge: the focus goes to the first marker there
  let asking;
  let timer;

  map.site.markers = () => [...shown.values()].map(({ feature, marker }) => ({
    latlng: marker.getLatLng(), radius: diameter(feature.properties) / 2, rise: alone(feature) ? RISE : 0,
  }));
  map.on("moveend", () => { clearTimeout(timer); if (config.clusters) timer = setTimeout(ask, PAUSE); });
  map.on("popupclose", () => { opened = undefined; stage.classList.remove("has-popup"); });
  frame.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    map.closeTooltip(tooltip);
    if (opened) { event.stopPropagation(); closePopup(); }
  });
  followCards();
  if (config.clusters) timer = setTimeout(ask, 0);

  async function ask() {
    asking?.abort();
    const mine = asking = new AbortController();
    try {
      const answer = await fetch(map.site.here(config.clusters), { signal: mine.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const { features } = await answer.json();
      trouble(false);
      render(features);
    } catch {
      if (!mine.signal.aborted) trouble(true);
    }
  }

  function trouble(there) {
    stage.querySelector(".sitemap-trouble")?.remove();
    if (!there) return;
    const retry = element("button", { type: "button", class: "btn quiet" }, labels.retry);
    retry.addEventListener("click", ask);
    stage.append(element("div", { class: "sitemap-trouble" }, element("p", { role: "alert" }, labels.failed), retry));
    map.site.say("");
  }

  // Markers that stay are kept as they are: redrawing them would close the popup and lose the focus.
  function render(features) {
    const keys = new Set(features.map((feature) => feature.id));
    const focused = [...shown].find(([, { marker }]) => marker.getElement() === document.activeElement)?.[0];
    for (const [key, { marker }] of shown) {
      if (!keys.has(key)) { marker.remove(); shown.delete(key); }
    }
    for (const feature of features) {
      const kept = shown.get(feature.id);
      if (kept) update(kept, feature);
      else add(feature);
    }
    if (!shown.has(current)) current = shown.keys().next().value;
    for (const [key, { marker }] of shown) marker.getElement().tabIndex = key === current ? 0 : -1;
    if (entering) {
      const inside = [...shown].find(([, { marker }]) => entering.contains(marker.getLatLng()))?.[0];
      entering = undefined;
      if (inside) focus(inside);
      else map.getContainer().focus({ preventScroll: true });
    } else if (focused && !shown.has(focused)) {
      map.getContainer().focus({ preventScroll: true });
    }
    summarise(features);
    map.fire("site:markers");
  }

  function summarise(features) {
    const view = map.getBounds().pad(0.03); // a zone searched is shown to within so much: its edges count as seen
    let venues = 0;
    let sessions = 0;
    for (const { geometry, properties } of features) {
      if (!view.contains(place(geometry))) continue;
      venues += properties.venues ?? 1;
      sessions += properties.count;
    }
    map.site.say(venues ? map.site.fill(labels.summary, words({ venues, count: sessions })) : labels.nothing);
  }

  // Where it is seen: past the antimeridian Leaflet counts on.
  function place({ coordinates: [lon, lat] }) {
    const middle = map.getCenter().lng;
    return [lat, lon + 360 * Math.round((middle - lon) / 360)];
  }

  function words({ name, commune, venues, count }) {
    return { name, commune, venues: map.site.count("venues", venues ?? 1), sessions: map.site.count("sessions", count) };
  }

  function nameOf({ properties }) {
    const text = properties.kind === "venue" ? labels.venue : properties.members ? labels.place : labels.group;
    // "Mairie de Bonnat" needs no ", Bonnat".
    const { name = "", commune = "" } = properties;
    const short = !commune || name.toLowerCase().includes(commune.toLowerCase());
    return map.site.fill(short ? text.replace(", {commune}", "") : text, words(properties));
  }

  function add(feature) {
    const single = alone(feature);
    const size = diameter(feature.properties);
    const number = element("span", {}, map.site.number(feature.properties.count));
    const icon = L.divIcon({
      className: single ? "sitemap-pin" : `sitemap-group is-${size}`, html: number,
      iconSize: single ? [size, size + 2] : [size, size], iconAnchor: single ? [size / 2, RISE + size / 2] : undefined,
    });
    const marker = L.marker(place(feature.geometry), { icon, keyboard: false, riseOnHover: true }).addTo(map);
    const entry = { feature, marker, number };
    const node = marker.getElement();
    const key = feature.id;
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", nameOf(feature));
    if (single || feature.properties.members) node.setAttribute("aria-haspopup", "dialog");
    marker.on("click", (event) => activate(key, event.originalEvent?.detail === 0));
    node.addEventListener("keydown", (event) => press(event, key));
    const attend = () => { hover(entry, true); };
    const leave = () => { hover(entry, false); };
    node.addEventListener("mouseenter", attend);
    node.addEventListener("mouseleave", leave);
    node.addEventListener("focus", () => {
      if (shown.has(current)) shown.get(current).marker.getElement().tabIndex = -1;
      current = key;
      node.tabIndex = 0;
      attend();
    });
    node.addEventListener("blur", leave);
    shown.set(key, entry);
  }

  function update(entry, feature) {
    const before = diameter(entry.feature.properties);
    const lit = entry.marker.getElement().classList.contains("is-lit");
    if (before !== diameter(feature.properties)) {
      const focused = entry.marker.getElement() === document.activeElement;
      entry.marker.remove();
      add(feature);
      if (focused) focus(feature.id);
      if (lit) light(shown.get(feature.id), true);
      return;
    }
    entry.feature = feature;
    entry.marker.setLatLng(place(feature.geometry));
    entry.number.textContent = map.site.number(feature.properties.count);
    entry.marker.getElement().setAttribute("aria-label", nameOf(feature));
  }

  function hover(entry, on) {
    light(entry, on);
    for (const card of cards) if (holds(entry.feature, card.dataset.venue)) card.classList.toggle("is-lit", on);
    if (!on || opened === entry.feature.id) return void map.closeTooltip(tooltip);
    // Beside the marker where the edge of the map is near.
    const { x, y } = map.latLngToContainerPoint(entry.marker.getLatLng());
    const radius = diameter(entry.feature.properties) / 2 + 2;
    const middle = alone(entry.feature) ? -RISE : 0;
    const side = x < 130 ? "right" : x > map.getSize().x - 190 ? "left" : y < 130 ? "bottom" : "top";
    const offsets = { top: [0, middle - radius], bottom: [0, middle + radius], left: [-radius, middle], right: [radius, middle] };
    Object.assign(tooltip.options, { direction: side, offset: L.point(offsets[side]) });
    tooltip.setContent(element("span", {}, nameOf(entry.feature)));
    map.openTooltip(tooltip, entry.marker.getLatLng());
    // It repeats the marker's accessible name, which a screen reader has just said.
    tooltip.getElement().setAttribute("aria-hidden", "true");
    tooltip.getElement().removeAttribute("role");
  }

  function light(entry, on) {
    entry.marker.getElement().classList.toggle("is-lit", on);
    entry.marker.setZIndexOffset(on ? 5000 : 0);
  }

  function followCards() {
    for (const card of cards) {
      const tell = (on) => () => {
        const entry = [...shown.values()].find(({ feature }) => holds(feature, card.dataset.venue));
        if (entry) light(entry, on);
        card.classList.toggle("is-lit", on && Boolean(entry));
      };
      card.addEventListener("mouseenter", tell(true));
      card.addEventListener("mouseleave", tell(false));
      card.addEventListener("focusin", tell(true));
      card.addEventListener("focusout", tell(false));
    }
  }

  function focus(key) {
    const { marker } = shown.get(key);
    map.site.quietly(() => map.panInside(marker.getLatLng(), { padding: [48, 64], animate: false }));
    marker.getElement().focus({ preventScroll: true });
  }

  function press(event, key) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return activate(key, true);
    }
    const next = neighbour(key, event.key);
    if (next === undefined) return undefined;
    event.preventDefault();
    event.stopPropagation();
    return focus(next);
  }

  // An arrow goes to the nearest marker on that side; where there is none, to the next one that way however far. Home, End,
  // Page Up and Page Down walk through all of them, west to east.
  function neighbour(key, pressed) {
    const size = map.getSize();
    const all = [...shown].map(([other, { marker }]) => ({ key: other, ...map.latLngToContainerPoint(marker.getLatLng()) }))
      .filter(({ x, y }) => x >= 0 && y >= 0 && x <= size.x && y <= size.y)
      .sort((a, b) => a.x - b.x || a.y - b.y);
    const place = all.findIndex((each) => each.key === key);
    if (place < 0) return all[0]?.key;
    const walk = { Home: 0, End: all.length - 1, PageDown: place + 1, PageUp: place - 1 }[pressed];
    if (walk !== undefined) return all[(walk + all.length) % all.length].key;
    const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[pressed] ?? [];
    if (dx === undefined) return undefined;
    const from = all[place];
    const ahead = all.filter((each) => each.key !== key).map((each) => {
      const x = each.x - from.x;
      const y = each.y - from.y;
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      return { key: each.key, along, cost: along + (aside > along ? 1e6 : aside) };
    }).filter(({ along }) => along > 0).sort((a, b) => a.cost - b.cost);
    return ahead[0]?.key ?? key;
  }

  function activate(key, byKeyboard) {
    const { feature } = shown.get(key);
    if (feature.properties.kind === "venue" || feature.properties.members) return openPopup(key);
    const [west, south, east, north] = feature.bbox;
    const turn = place(feature.geometry)[1] - feature.geometry.coordinates[0];
    const box = L.latLngBounds([south, west + turn], [north, east + turn]);
    const zoom = Math.max(map.getZoom() + 1, Math.min(STREET, map.getBoundsZoom(box, false, L.point(48, 64))));
    if (byKeyboard) entering = box.pad(0.2);
    map.closeTooltip(tooltip);
    return map.setView(box.getCenter(), Math.min(zoom, map.getMaxZoom()), { animate: !map.site.reduced && !byKeyboard });
  }

  function openPopup(key) {
    const { feature, marker } = shown.get(key);
    const title = nameOf(feature);
    const close = element("button", { type: "button", class: "sitemap-close", "aria-label": labels.close }, map.site.icon("M6 6l12 12M18 6L6 18"));
    close.addEventListener("click", closePopup);
    const content = element("div", { class: "sitemap-popup-body" }, close, ...describe(feature));
    const popup = L.popup({
      closeButton: false, className: "sitemap-popup", minWidth: 200,
      // Clear of the buttons, which stay above it.
      autoPanPaddingTopLeft: [12, 12], autoPanPaddingBottomRight: [68, 12],
      maxWidth: Math.min(320, map.getSize().x - 84), maxHeight: Math.max(140, map.getSize().y - 90),
      offset: [0, alone(feature) ? -38 : 4 - diameter(feature.properties) / 2],
    }).setContent(content).setLatLng(marker.getLatLng());
    map.closeTooltip(tooltip);
    popup.openOn(map);
    opened = key;
    stage.classList.add("has-popup");
    const dialog = popup.getElement();
    dialog.setAttribute("role", "dialog");
    dialog.setAttribute("aria-label", title);
    dialog.tabIndex = -1;
    dialog.focus({ preventScroll: true });
  }

  function closePopup() {
    const key = opened;
    map.closePopup();
    if (shown.has(key)) shown.get(key).marker.getElement().focus({ preventScroll: true });
    else map.getContainer().focus({ preventScroll: true });
  }

  // Text nodes only: what a venue calls itself is never HTML.
  function describe({ properties }) {
    if (properties.members) {
      const items = properties.members.map((venue) => element("li", {}, link(venue.url, venue.name), element("span", {}, map.site.count("sessions", venue.count))));
      return [element("p", { class: "sitemap-popup-name" }, map.site.fill(labels.place, words(properties))), element("ul", {}, ...items)];
    }
    const { name, commune = "", url, count, sessions = [] } = properties;
    const parts = [element("p", { class: "sitemap-popup-name" }, link(url, name))];
    parts.push(element("p", { class: "sitemap-popup-where" }, [commune, map.site.count("sessions", count)].filter(Boolean).join(" · ")));
    if (sessions.length) {
      const items = sessions.slice(0, 3).map((each) => element("li", {},
        each.url && each.title ? link(each.url, each.title) : element("strong", {}, each.title ?? labels.next),
        element("span", {}, each.when ?? moment(each.local))));
      parts.push(element("ul", {}, ...items));
    }
    return parts;
  }

  function link(href, text) {
    // Same site only: an address from elsewhere in the data is shown as text.
    if (!href?.startsWith("/") || href.startsWith("//")) return element("span", {}, text);
    if (!config.newWindow) return element("a", { href }, text);
    return element("a", { href, target: "_blank", rel: "noopener" }, text, element("span", { class: "away" }, ` ${config.newWindow}`));
  }

  // The venue's own clock, as the server wrote it ("2026-12-01T14:00"): no time zone to apply.
  function moment(local) {
    const words = new Intl.DateTimeFormat(map.site.language, {
      weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", timeZone: "UTC",
    });
    return words.format(new Date(`${local}Z`));
  }
}

function alone({ properties }) {
  return properties.kind === "venue";
}

function holds({ properties }, venue) {
  return properties.kind === "venue" ? String(properties.id) === venue : Boolean(properties.ids?.some((id) => String(id) === venue));
}

// geo/clusters.py, marker_size.
function diameter({ kind, count }) {
  if (kind === "venue" || count < 100) return 44;
  return count < 1000 ? 50 : 56;
}
