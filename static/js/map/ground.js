// What lies under the markers: tiles from our own server, or, where none can be had, coasts and borders drawn from
// geo/basemap.py with the view's main towns. Called by the script of geo/maps.py.

export function ground(map, { basemap, coverage, world, max }) {
  const { config, labels } = map.site;
  map.createPane("ground").style.zIndex = 150;
  map.createPane("towns").style.zIndex = 350;
  let drawn; // the promise of the drawn ground, once it is wanted
  let names = false;

  async function draw(withNames) {
    names ||= withNames;
    drawn ??= fetch(basemap).then((answer) => answer.json()).then((data) => drawGround(map, data));
    try { await drawn; } catch { return; } // the markers remain, on the colour of the sea
    if (names) map.site.credit([[labels.ground_credit, ""]]);
    if (names && config.towns) followTowns(map);
  }

  if (!config.tiles) return void draw(true);
  // Meanwhile something to look at, if the answer is slow.
  const slow = setTimeout(() => draw(false), 500);
  ready(config.tilesState).then((yes) => {
    clearTimeout(slow);
    if (!yes) return draw(true);
    return addTiles(map, { coverage, world, max }, draw);
  });
}

// Asked once, before the first tile: each tile that fails would be an error in the console.
async function ready(address) {
  if (!address) return true;
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(5000) });
    return (await answer.json()).ready;
  } catch {
    return false;
  }
}

function addTiles(map, { coverage, world, max }, draw) {
  const { config } = map.site;
  const boxes = coverage.map(([south, west, north, east]) => L.latLngBounds([south, west], [north, east]));
  const FrenchTiles = L.TileLayer.extend({
    // Far from France the server has none at these zooms, so it is not asked.
    _isValidTile(coords) {
      if (!L.TileLayer.prototype._isValidTile.call(this, coords)) return false;
      return coords.z <= world || boxes.some((box) => box.intersects(this._tileCoordsToBounds(coords)));
    },
  });
  const layer = new FrenchTiles(config.tiles, { maxZoom: max, maxNativeZoom: max, className: "sitemap-tiles", noWrap: true });
  let good = 0;
  let bad = 0;
  layer.on("tileload", () => { good += 1; });
  layer.on("tileerror", () => {
    bad += 1;
    if (good) return draw(false); // holes are filled by the drawing underneath
    if (bad >= 4) { layer.remove(); draw(true); }
  });
  map.site.credit(config.attribution);
  layer.addTo(map);
}

function drawGround(map, data) {
  const arcs = data.arcs.map((flat) => {
    const line = [];
    for (let i = 0, lon = 0, lat = 0; i < flat.length; i += 2) {
      lon += flat[i];
      lat += flat[i + 1];
      line.push(L.latLng(lat / data.scale, lon / data.scale));
    }
    return line;
  });
  // TopoJSON: `~n` is arc n backwards; each arc starts where the last one ended.
  const ring = (numbers) => numbers.flatMap((n, i) => {
    const line = n < 0 ? [...arcs[~n]].reverse() : arcs[n];
    return i ? line.slice(1) : line;
  });
  const shapes = (rings) => rings.map((numbers) => [ring(numbers)]);
  const lines = (numbers) => numbers.map((n) => arcs[n]);
  const options = { pane: "ground", renderer: L.svg({ pane: "ground", padding: 0.4 }), interactive: false };
  const line = (coordinates, className) => L.polyline(coordinates, { ...options, className }).addTo(map);
  const area = (coordinates, className) => L.polygon(coordinates, { ...options, className, stroke: false }).addTo(map);
  line(lines(data.coasts), "sitemap-shallows");
  area(shapes(data.land), "sitemap-land");
  area(shapes(data.france), "sitemap-france");
  line(lines(data.borders), "sitemap-borders");
  line(lines(data.coasts), "sitemap-coasts");
}

const MOST_NAMES = 14; // in one view: enough to know where one is, and each of them is two nodes of the page

// Names of towns, the largest first, where they hide neither each other nor a marker; before all, the place searched.
function followTowns(map) {
  if (map.site.towns) return;
  map.site.towns = true;
  const { config, element } = map.site;
  const layer = L.layerGroup().addTo(map);
  const here = config.here && { name: config.here.name, at: config.here.at, className: "is-here", letter: 9, gap: 12 };
  let towns = [];
  let asked = "";
  let asking;
  let timer;

  async function ask() {
    const address = map.site.here(config.towns);
    if (address === asked) return place();
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await fetch(address, { signal: asking.signal });
      if (answer.ok) towns = (await answer.json()).features.map(town);
      asked = address;
    } catch { /* names are an extra: without them the map is still a map */ }
    return place();
  }

  function town({ geometry, properties: { name, population } }) {
    const [lon, lat] = geometry.coordinates;
    const large = population >= 60000;
    return { name, population, at: [lat, lon], className: large ? "is-large" : "", letter: large ? 8.2 : 7.2, gap: 8 };
  }

  function place() {
    layer.clearLayers();
    const size = map.getSize();
    const taken = (map.site.markers?.() ?? []).map(({ latlng, radius, rise }) => {
      const { x, y } = map.latLngToContainerPoint(latlng);
      return [x - radius, y - rise - radius, x + radius, y - rise + radius];
    });
    taken.push([size.x - 60, 0, size.x, 170], [size.x - 150, size.y - 26, size.x, size.y]); // the buttons, the credit
    const free = ([left, top, right, bottom]) => left > 4 && top > 4 && right < size.x - 4 && bottom < size.y - 4
      && !taken.some((box) => left < box[2] && right > box[0] && top < box[3] && bottom > box[1]);
    // The town searched for is named once.
    const center = here && map.latLngToContainerPoint(here.at);
    const others = towns.filter(({ at }) => !center || map.latLngToContainerPoint(at).distanceTo(center) > 24)
      .sort((a, b) => b.population - a.population);
    let names = 0;
    for (const { name, at, className, letter, gap } of here ? [here, ...others] : others) {
      const { x, y } = map.latLngToContainerPoint(at);
      const width = name.length * letter + 8;
      const sides = {
        right: [x - 3, y - 11, x + gap + width, y + 11], left: [x - gap - width, y - 11, x + 3, y + 11],
        below: [x - width / 2, y + 2, x + width / 2, y + gap + 20], above: [x - width / 2, y - gap - 20, x + width / 2, y - 2],
      };
      if (className === "is-here") sides.under = [x - width / 2, y + 30, x + width / 2, y + 50]; // clear of a marker on the spot
      const side = Object.keys(sides).find((way) => free(sides[way]));
      if (!side) continue;
      if ((names += 1) > MOST_NAMES) break;
      taken.push(sides[side]);
      L.marker(at, {
        pane: "towns", interactive: false, keyboard: false,
        icon: L.divIcon({ className: `sitemap-town ${className}`, html: element("span", { class: side }, name), iconSize: [6, 6] }),
      }).addTo(layer).getElement().setAttribute("aria-hidden", "true");
    }
  }

  map.on("moveend", () => { clearTimeout(timer); timer = setTimeout(ask, 180); });
  map.on("site:markers", place);
  ask();
}
