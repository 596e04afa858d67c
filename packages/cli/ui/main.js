import { askJson } from "./api.js";
import { problem } from "./elements.js";
import { formatCountOf } from "./format.js";
import { showJobs } from "./jobs.js";
import { showMap } from "./map.js";
import { showQuarantine } from "./quarantine.js";
import { showSearch } from "./search.js";

/**
 * A view fills `main`; the signal fires when another takes its place.
 * @typedef {(main: HTMLElement, parameters: URLSearchParams, gone: AbortSignal) => void | Promise<void>} View
 */

/** What is shown where the address names nothing else. */
const search = { title: "Search", show: showSearch };

/** @type {Readonly<Record<string, { readonly title: string, readonly show: View }>>} */
const views = {
  search,
  map: { title: "Map", show: showMap },
  jobs: { title: "Jobs", show: showJobs },
  quarantine: { title: "Quarantine", show: showQuarantine },
};

let gone = new AbortController();
let shown = "";

/** Shows the view that the address names. */
async function route() {
  const [name = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  if (location.hash === "#main") return main.focus();
  const { title, show } = views[name] ?? search;
  const isOther = shown !== "" && shown !== title;
  shown = title;
  gone.abort();
  gone = new AbortController();
  const { signal } = gone;
  document.title = `${title} · millrace`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.textContent === title) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (isOther) main.focus({ preventScroll: true });
  try {
    main.replaceChildren();
    await show(main, new URLSearchParams(query), signal);
  } catch (error) {
    if (signal.aborted) return;
    main.querySelector(".status")?.replaceChildren();
    (main.firstElementChild ?? main).append(problem(error));
  }
}

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
window.addEventListener("hashchange", route);
void route();
void describeStore();

async function describeStore() {
  const place = /** @type {HTMLElement} */ (document.getElementById("store"));
  try {
    /** @type {{ place: string, model: string, points: number }} */
    const store = await askJson("api/store");
    const folder = store.place
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .slice(-2)
      .join("/");
    const model = store.model
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1);
    place.textContent = `${folder} · ${formatCountOf(store.points, "point")} · ${model}`;
    place.title = `${store.place}, filled with ${store.model}`;
  } catch {
    place.textContent = "no store yet";
  }
}
