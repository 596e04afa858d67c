import { ask, askJson } from "./api.js";
import { element, emptyState } from "./elements.js";
import { formatCount, formatCountOf } from "./format.js";
import { groupColour, MapCanvas } from "./map-canvas.js";
import { MapPoints } from "./map-points.js";
import { findPassages, nameOf } from "./search.js";

/** Pixels around the pointer in which a document is found; around the middle, where keys move the map, more. */
const pointerReach = 12;
const keyReach = 60;
const zoomStep = 1.5;
const panStep = 80;

/** @type {import("./main.js").View} */
export async function showMap(main, parameters, gone) {
  const status = element("p.status", { role: "status" }, "Drawing the map…");
  const query = parameters.get("q") ?? "";
  const tools = element("div.map-tools", {}, searchForm(query), status);
  const view = element("div.wide.map-view", {}, element("h1.hidden-label", {}, "Map"), tools);
  main.append(view);
  const slowly = setTimeout(() => {
    status.textContent = "Reading every vector of the store; the map is kept for the next time…";
  }, 1_500);
  const points = await readPoints(gone).finally(() => clearTimeout(slowly));
  status.textContent = points.isSample
    ? `${formatCount(points.count)} of the documents`
    : formatCountOf(points.count, "document");
  if (points.count === 0) return view.append(emptyState("Nothing to map", "The store holds no documents."));
  const map = showCanvas(view, points, gone);
  tools.insertBefore(colourChoice(map, view), status);
  if (query !== "") await lightUp(map, query, { status, gone });
}

/** @param {AbortSignal} gone */
async function readPoints(gone) {
  const response = await ask("api/map", gone);
  const named = (/** @type {string} */ header) => JSON.parse(decodeURIComponent(response.headers.get(header) ?? "[]"));
  const isSample = response.headers.get("x-sample") === "1";
  const facts = { folders: named("x-folders"), clusters: named("x-clusters"), isSample };
  return new MapPoints(new Float32Array(await response.arrayBuffer()), facts);
}

/** @param {string} query */
function searchForm(query) {
  const input = /** @type {HTMLInputElement} */ (
    element("input.field", { type: "search", id: "map-q", placeholder: "Light up what answers a search", value: query })
  );
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const words = input.value.trim();
    location.hash = words === "" ? "#/map" : `#/map?${new URLSearchParams({ q: words })}`;
  };
  return element(
    "form",
    { role: "search", submit },
    element("label.hidden-label", { for: "map-q" }, "Search on the map"),
    input,
  );
}

/** @param {HTMLElement} view @param {MapPoints} points @param {AbortSignal} gone */
function showCanvas(view, points, gone) {
  const canvas = /** @type {HTMLCanvasElement} */ (
    element("canvas", {
      ...{ tabindex: 0, role: "application", "aria-describedby": "map-note" },
      "aria-label": "Map of the documents. Arrow keys move it, plus and minus zoom, 0 shows all.",
    })
  );
  const note = element("div.map-note", { id: "map-note", role: "status" });
  const map = new MapCanvas(canvas, points);
  const zoom = (/** @type {number} */ factor) => () => map.zoom(factor);
  const buttons = element(
    "div.map-zoom",
    {},
    element("button.button.quiet", { type: "button", "aria-label": "Zoom in", click: zoom(zoomStep) }, "+"),
    element("button.button.quiet", { type: "button", "aria-label": "Zoom out", click: zoom(1 / zoomStep) }, "−"),
    element("button.button.quiet", { type: "button", "aria-label": "Show all", click: () => map.reset() }, "○"),
  );
  view.append(element("div.map-frame", {}, canvas, note, buttons), element("ul.legend", { id: "legend" }));
  const tell = teller(map, note, gone);
  listenToPointer(map, tell);
  listenToKeys(map, tell);
  const size = new ResizeObserver(() => map.resize());
  size.observe(canvas);
  const theme = matchMedia("(prefers-color-scheme: dark)");
  theme.addEventListener("change", () => map.redraw(), { signal: gone });
  gone.addEventListener("abort", () => size.disconnect());
  map.resize();
  return map;
}

/**
 * Shows what the document under the pointer is, once what is under it is settled.
 * @param {MapCanvas} map @param {HTMLElement} note @param {AbortSignal} gone
 * @returns {(index: number | undefined) => void}
 */
function teller(map, note, gone) {
  /** @type {Map<number, Promise<{ path: string, document: string, title: string, points: number, excerpt: string }>>} */
  const known = new Map();
  return async (index) => {
    if (index === map.pointed) return;
    map.pointed = index;
    map.redraw();
    if (index === undefined) return note.replaceChildren();
    const asked = known.get(index) ?? askJson(`api/document?index=${index}`, gone);
    known.set(index, asked);
    const document = await asked.catch(() => undefined);
    if (map.pointed !== index || document === undefined) return;
    const { path, document: key, title, points, excerpt } = document;
    note.replaceChildren(
      element("strong", { dir: "auto" }, title || path.split("/").at(-1) || key),
      element("div.code.soft", { dir: "auto" }, key === "" ? path : `${path}#${key}`),
      element("div.excerpt", { dir: "auto" }, excerpt),
      element("div.soft", {}, formatCountOf(points, "point")),
    );
  };
}

/** @param {MapCanvas} map @param {(index: number | undefined) => void} tell */
function listenToPointer(map, tell) {
  const { canvas } = map;
  canvas.addEventListener("pointerdown", ({ pointerId }) => canvas.setPointerCapture(pointerId));
  canvas.addEventListener("pointermove", ({ buttons, movementX, movementY, offsetX, offsetY }) => {
    map.hasCrosshair = false;
    if (buttons === 1) map.pan(movementX, movementY);
    else tell(map.documentAt(offsetX, offsetY, pointerReach));
  });
  canvas.addEventListener("pointerleave", () => tell(undefined));
  const wheel = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    map.zoom(Math.exp(-event.deltaY / 400), { x: event.offsetX, y: event.offsetY });
  };
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("dblclick", ({ offsetX, offsetY }) => map.zoom(2, { x: offsetX, y: offsetY }));
}

/** @param {MapCanvas} map @param {(index: number | undefined) => void} tell */
function listenToKeys(map, tell) {
  /** @type {Readonly<Record<string, () => void>>} */
  const keys = {
    ArrowLeft: () => map.pan(panStep, 0),
    ArrowRight: () => map.pan(-panStep, 0),
    ArrowUp: () => map.pan(0, panStep),
    ArrowDown: () => map.pan(0, -panStep),
    "+": () => map.zoom(zoomStep),
    "=": () => map.zoom(zoomStep),
    "-": () => map.zoom(1 / zoomStep),
    0: () => map.reset(),
    Home: () => map.reset(),
  };
  map.canvas.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
    map.hasCrosshair = true;
    tell(map.documentAt(map.middle.x, map.middle.y, keyReach));
  });
  map.canvas.addEventListener("blur", () => {
    map.hasCrosshair = false;
    tell(undefined);
  });
}

/** Buttons that say what the colours mean, and the legend. @param {MapCanvas} map @param {HTMLElement} view */
function colourChoice(map, view) {
  const names = /** @type {const} */ (["cluster", "folder"]);
  const choose = (/** @type {"cluster" | "folder"} */ name) => {
    map.colourBy = name;
    map.redraw();
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
    view.querySelector("#legend")?.replaceChildren(...legendOf(map));
  };
  const buttons = names.map((name) =>
    element("button.button.quiet", { type: "button", click: () => choose(name) }, name),
  );
  choose("cluster");
  return element("div.map-tools", { role: "group", "aria-label": "Colour by" }, ...buttons);
}

const mostInLegend = 12;

/** @param {MapCanvas} map */
function legendOf(map) {
  if (map.colourBy === "cluster") return [];
  const style = getComputedStyle(map.canvas);
  const sizes = map.points.groupSizes("folder");
  return map.points.folders.slice(0, mostInLegend).map((folder, group) => {
    const dot = element("span.dot");
    dot.style.setProperty("--dot", groupColour(style, group));
    return element(
      "li",
      {},
      dot,
      `${folder || "no folder"} `,
      element("span.numbers", {}, formatCount(sizes[group] ?? 0)),
    );
  });
}

/**
 * @param {MapCanvas} map @param {string} query
 * @param {{ status: HTMLElement, gone: AbortSignal }} surroundings
 */
async function lightUp(map, query, { status, gone }) {
  const { hits } = await findPassages(query, [], gone);
  /** @type {Map<number, string>} */
  const found = new Map();
  for (const hit of hits) {
    if (hit.place !== undefined && !found.has(hit.place)) found.set(hit.place, nameOf(hit));
  }
  map.found = [...found].map(([index, name]) => ({ index, name }));
  map.redraw();
  status.textContent = `${formatCountOf(map.found.length, "document")} of ${formatCount(map.points.count)} lit up`;
}
