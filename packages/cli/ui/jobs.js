import { bar, element, emptyState, problem } from "./elements.js";
import { formatCount, formatCountOf, formatDuration } from "./format.js";

/**
 * @typedef {object} Stage
 * @property {"read" | "encode" | "write"} name
 * @property {number} chunks
 * @property {number} [rate]
 * @property {boolean} isNarrowest
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {"work" | "temporal"} origin
 * @property {string} [corpus]
 * @property {string} [store]
 * @property {string} [model]
 * @property {string} state
 * @property {{ phase: string, noun?: string, documents: number, tokens: number, quarantined: number }} progress
 * @property {number} [points]
 * @property {{ documents: number, points: number }} [committed]
 * @property {number} [share]
 * @property {number} [tokensPerSecond]
 * @property {number} [remainingMs]
 * @property {readonly Stage[]} stages
 */

/** @type {import("./main.js").View} */
export function showJobs(main, _parameters, gone) {
  const status = element("p.soft.small", { role: "status" }, "Reading…");
  const list = element("ul.jobs");
  const head = element("div.page-head", {}, element("h1", {}, "Jobs"), status);
  main.append(element("div.wide", {}, head, list));
  followJobs(gone, {
    state: (jobs) => {
      const running = jobs.filter(({ state }) => state === "running").length;
      const told = `${formatCountOf(jobs.length, "job")}${running === 0 ? "" : `, ${running} running`}`;
      if (status.textContent !== told) status.textContent = told;
      list.replaceChildren(...(jobs.length === 0 ? [element("li", {}, noJobs())] : jobs.map(showJob)));
    },
    problem: (line) => {
      status.textContent = "";
      list.replaceChildren(element("li", {}, problem(line)));
    },
  });
}

/**
 * Hears of the jobs, once a second while something changes, until the signal fires.
 * @param {AbortSignal} gone
 * @param {{ state: (jobs: readonly Job[]) => void, problem: (line: string) => void }} listener
 */
export function followJobs(gone, listener) {
  const events = new EventSource("api/jobs/events");
  events.addEventListener("state", ({ data }) => listener.state(JSON.parse(data)));
  events.addEventListener("problem", ({ data }) => listener.problem(JSON.parse(data)));
  events.addEventListener("error", () =>
    listener.problem("The server does not answer. This page goes on as soon as it does."),
  );
  gone.addEventListener("abort", () => events.close());
}

export function noJobs() {
  return emptyState(
    "No jobs here",
    "The work folder knows none. ",
    element("span.code", {}, "millrace index <folder>"),
    " makes one.",
  );
}

/** @param {Job} job */
function showJob(job) {
  const isAtWork = job.state !== "done";
  return element(
    "li.card.job",
    { "data-job": job.id },
    element(
      "div.job-head",
      {},
      element("h2", { dir: "auto" }, jobName(job)),
      element(`span.state.${job.state}`, {}, stateText(job)),
    ),
    element("p.job-from", {}, ...jobFrom(job)),
    isAtWork && job.share !== undefined ? showShare(job, job.share) : undefined,
    figures(job, isAtWork),
    isAtWork && job.stages.length > 0 ? element("div.stages", {}, ...job.stages.map(showStage)) : undefined,
    job.progress.quarantined > 0 && job.corpus !== undefined
      ? element("p.small", {}, element("a", { href: `#/quarantine?job=${job.id}` }, "See what is in quarantine"))
      : undefined,
  );
}

/** @param {Pick<Job, "id" | "corpus">} job */
export function jobName({ id, corpus }) {
  return (
    corpus
      ?.replace(/^file:\/\//, "")
      .replace(/\/+$/, "")
      .split("/")
      .at(-1) || id
  );
}

/** @param {Job} job */
function stateText({ state, progress }) {
  return state === "running" ? progress.phase : state;
}

/** @param {Job} job */
function jobFrom({ id, origin, corpus, store, model }) {
  const place = origin === "temporal" ? "on Temporal" : "in the work folder";
  const parts = [corpus, store, model?.split("/").at(-1)].filter((part) => part !== undefined);
  return [element("span.code", {}, parts.length === 0 ? id : parts.join(" → ")), ` · ${place}`];
}

/** @param {Job} job @param {number} share */
function showShare({ remainingMs }, share) {
  const percent = `${Math.floor(share * 100)} %`;
  const left = remainingMs === undefined ? "" : `, about ${formatDuration(remainingMs)} left`;
  return element(
    "div.progress",
    {},
    bar("span.progress-bar", share),
    element("span.small.numbers", {}, `${percent}${left}`),
  );
}

/** @param {Job} job @param {boolean} isAtWork */
function figures({ progress, points, committed, tokensPerSecond }, isAtWork) {
  /** @type {(readonly [string, string])[]} */
  const shown = [];
  if (isAtWork) {
    const isAnswering = progress.noun === "prompt";
    shown.push([isAnswering ? "prompts answered" : "documents read", formatCount(progress.documents)]);
    shown.push([isAnswering ? "tokens generated" : "tokens encoded", formatCount(progress.tokens)]);
    shown.push(["tokens / s", tokensPerSecond === undefined ? "–" : formatCount(tokensPerSecond)]);
    if (points !== undefined) shown.push(["points written", formatCount(points)]);
  }
  if (committed !== undefined) {
    shown.push(["documents in the store", formatCount(committed.documents)]);
    shown.push(["points in the store", formatCount(committed.points)]);
  } else if (!isAtWork) {
    shown.push([`${progress.noun ?? "document"}s`, formatCount(progress.documents)]);
    if (points !== undefined) shown.push(["points", formatCount(points)]);
  }
  if (progress.quarantined > 0) shown.push(["in quarantine", formatCount(progress.quarantined)]);
  return element(
    "dl.figures",
    {},
    ...shown.map(([name, figure]) => element("div", {}, element("dt", {}, name), element("dd", {}, figure))),
  );
}

/** @param {Stage} stage */
function showStage({ name, chunks, rate, isNarrowest }) {
  return element(
    isNarrowest ? "div.stage.narrowest" : "div.stage",
    {},
    element("span", {}, element("strong", {}, name), isNarrowest ? element("em", {}, " narrowest") : undefined),
    element("span.numbers", {}, formatCountOf(chunks, "chunk")),
    element(
      "span.numbers",
      {},
      rate === undefined ? "\u00a0" : `${rate < 10 ? rate.toFixed(1) : formatCount(rate)} / s`,
    ),
  );
}
