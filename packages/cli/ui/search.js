import { askJson } from "./api.js";
import { bar, element, emptyState, marked, problem } from "./elements.js";
import { formatCountOf, formatDuration } from "./format.js";

/**
 * @typedef {object} Hit
 * @property {string} id
 * @property {number} score
 * @property {string} path
 * @property {string} document
 * @property {string} title
 * @property {readonly string[]} headings
 * @property {string} text
 * @property {boolean} isCut
 * @property {readonly (readonly [number, number])[]} ranges
 * @property {number} [place]
 *
 * @typedef {{ readonly milliseconds: number, readonly hits: readonly Hit[] }} Found
 */

/** A text that is longer is folded. */
const foldedLength = 420;

/** @type {import("./main.js").View} */
export async function showSearch(main, parameters, gone) {
  const query = parameters.get("q") ?? "";
  const filters = parameters.getAll("filter");
  const status = element("p.status", { role: "status" });
  const hits = element("ol.hits");
  const results = element("section", { "aria-label": "Results" }, status, hits);
  const title = element("h1.hidden-label", {}, "Search");
  main.append(element("div.reading", {}, title, searchForm(query, filters), results));
  if (query === "") {
    hits.replaceWith(
      emptyState("Find the passages nearest in meaning", "Ask in your own words; they need not be those of the text."),
    );
    return;
  }
  status.textContent = "Searching…";
  try {
    const found = await findPassages(query, filters, gone);
    const told = `${formatCountOf(found.hits.length, "passage")} in ${formatDuration(found.milliseconds)}`;
    const onMap = element("a", { href: `#/map?${new URLSearchParams({ q: query })}` }, "See them on the map");
    status.replaceChildren(...(found.hits.length === 0 ? [] : [told, " · ", onMap]));
    if (found.hits.length === 0) {
      hits.replaceWith(
        emptyState(
          "Nothing found",
          filters.length > 0 ? "No passage meets the filters." : "The store holds no passages.",
        ),
      );
    } else hits.append(...found.hits.map(showHit));
  } catch (error) {
    if (gone.aborted) return;
    status.textContent = "";
    hits.replaceWith(problem(error));
  }
}

/**
 * @param {string} query @param {readonly string[]} filters @param {AbortSignal} signal
 * @returns {Promise<Found>}
 */
export function findPassages(query, filters, signal) {
  const asked = new URLSearchParams({ q: query, top: "20" });
  for (const filter of filters) asked.append("filter", filter);
  return askJson(`api/search?${asked}`, signal);
}

/** @param {string} query @param {readonly string[]} filters */
function searchForm(query, filters) {
  const input = /** @type {HTMLInputElement} */ (
    element("input.field", {
      ...{ type: "search", name: "q", id: "q", autocomplete: "off", spellcheck: "false", maxlength: 10_000 },
      placeholder: "What are you looking for?",
      value: query,
    })
  );
  const conditions = element("div.filters", {}, ...filters.map(filterField));
  const add = () => {
    const field = filterField("");
    conditions.insertBefore(field, more);
    field.focus();
  };
  const more = element("button.button.quiet", { type: "button", click: add }, "Add a filter");
  conditions.append(more);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = [...conditions.querySelectorAll("input")].map(({ value }) => value.trim());
    const next = new URLSearchParams({ q: input.value.trim() });
    for (const filter of given) if (filter !== "") next.append("filter", filter);
    const hash = `#/search?${next}`;
    if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = hash;
  };
  const label = element("label.hidden-label", { for: "q" }, "Search");
  const button = element("button.button", { type: "submit" }, "Search");
  queueMicrotask(() => input.focus({ preventScroll: true }));
  return element("form.search-form", { role: "search", submit }, label, input, button, conditions);
}

/** @param {string} value */
function filterField(value) {
  const title = "A field and a pattern: path:guides/*, title:*api*, payload.lang:en. * stands for anything.";
  return element("input.field", { "aria-label": "Filter", placeholder: "path:guides/*", value, title });
}

/** @param {Hit} hit */
export function showHit(hit) {
  const { title, headings, path, document: key, score, text, ranges, isCut } = hit;
  const trail = headings.filter((heading, index) => heading !== "" && !(index === 0 && heading === title));
  const body = element("div.hit-text", { dir: "auto" }, ...marked(text, ranges), isCut ? " …" : undefined);
  return element(
    "li.card.hit",
    {},
    element(
      "div.hit-head",
      {},
      element("h2.hit-title", { dir: "auto" }, nameOf(hit)),
      element("span.score.numbers", { title: "cosine similarity" }, bar("span.score-bar", score), score.toFixed(3)),
    ),
    element(
      "div.hit-place",
      {},
      element("span.code", { dir: "auto" }, key === "" ? path : `${path}#${key}`),
      trail.length > 0 ? element("span", { dir: "auto" }, trail.join(" › ")) : undefined,
    ),
    body,
    isLong(text) ? unfold(body) : undefined,
  );
}

/** What a document is called. @param {Pick<Hit, "title" | "headings" | "path" | "document">} hit */
export function nameOf({ title, headings, path, document: key }) {
  return title || headings[0] || key || path.split("/").at(-1) || path;
}

/** @param {string} text */
function isLong(text) {
  return text.length > foldedLength || text.split("\n").length > 6;
}

/** @param {HTMLElement} body */
function unfold(body) {
  const toggle = () => {
    const isWhole = body.classList.toggle("whole");
    button.setAttribute("aria-expanded", String(isWhole));
    button.textContent = isWhole ? "Show less" : "Show all";
  };
  const button = element(
    "button.button.quiet",
    { type: "button", "aria-expanded": "false", click: toggle },
    "Show all",
  );
  return button;
}
