import { askJson } from "./api.js";
import { element, emptyState } from "./elements.js";
import { formatCount, formatCountOf } from "./format.js";
import { followJobs, jobName, noJobs } from "./jobs.js";

/**
 * @typedef {object} Row
 * @property {string} object
 * @property {number} [row]
 * @property {string} [document]
 * @property {number} [ordinal]
 * @property {string} code
 * @property {string} reason
 *
 * @typedef {object} Quarantine
 * @property {number} total
 * @property {readonly { code: string, count: number, reasons: readonly string[] }[]} groups
 * @property {readonly Row[]} rows
 */

/** @type {import("./main.js").View} */
export async function showQuarantine(main, parameters, gone) {
  const head = element("div.page-head", {}, element("h1", {}, "Quarantine"));
  const body = element("div");
  main.append(element("div.wide", {}, head, body));
  // Of those that only a server knows, the work folder lies elsewhere.
  const jobs = (await jobsNow(gone)).filter(({ corpus }) => corpus !== undefined);
  const chosen = parameters.get("job") ?? (jobs.find(({ progress }) => progress.quarantined > 0) ?? jobs[0])?.id;
  if (chosen === undefined) return body.append(noJobs());
  head.append(element("nav.job-tabs", { "aria-label": "Jobs" }, ...jobs.map((job) => jobTab(job, chosen))));
  /** @type {Quarantine} */
  const quarantine = await askJson(`api/quarantine?${new URLSearchParams({ job: chosen })}`, gone);
  if (quarantine.total === 0) {
    body.append(emptyState("Nothing is in quarantine", "All that this job has read could be parsed, cut and encoded."));
    return;
  }
  const { rows, total } = quarantine;
  const shown = rows.length < total ? ` The first ${formatCount(rows.length)} are listed.` : "";
  body.append(
    element("p.soft", {}, `${formatCountOf(total, "row")} could not be indexed; the rest is.${shown}`),
    element("ul.quarantine-groups", {}, ...quarantine.groups.map(showGroup)),
    element("h2.hidden-label", {}, "Rows"),
    element("ul.rows", {}, ...rows.map(showRow)),
  );
}

/**
 * The jobs there are at the moment.
 * @param {AbortSignal} gone
 * @returns {Promise<readonly import("./jobs.js").Job[]>}
 */
function jobsNow(gone) {
  const heard = new AbortController();
  const signal = AbortSignal.any([gone, heard.signal]);
  return new Promise((resolve, reject) => {
    followJobs(signal, { state: resolve, problem: (line) => reject(new Error(line)) });
  }).finally(() => heard.abort());
}

/** @param {import("./jobs.js").Job} job @param {string} chosen */
function jobTab(job, chosen) {
  const current = job.id === chosen ? "page" : undefined;
  return element("a", { href: `#/quarantine?job=${job.id}`, "aria-current": current, title: job.store }, jobName(job));
}

/** @param {Quarantine["groups"][number]} group */
function showGroup({ code, count, reasons }) {
  return element(
    "li.card",
    {},
    element("p.count.numbers", {}, formatCount(count)),
    element("h2.code", {}, code),
    element("p.small.soft", { dir: "auto" }, reasons[0] ?? ""),
  );
}

/** @param {Row} row */
function showRow({ object, row, document: key, ordinal, code, reason }) {
  const place = [
    row === undefined ? undefined : `row ${formatCount(row)}`,
    key === undefined || key === "" ? undefined : key,
    ordinal === undefined ? undefined : `chunk ${formatCount(ordinal)}`,
  ].filter((part) => part !== undefined);
  return element(
    "li",
    {},
    element(
      "div",
      {},
      element("span.code", { dir: "auto" }, object),
      element("div.small.soft", { dir: "auto" }, place.join(" · ")),
    ),
    element("div.small", {}, element("span.code", {}, code), element("div.soft", { dir: "auto" }, reason)),
  );
}
