import type { ServerFacts } from "./doctor/server-check.js";
import type { WorkflowsPlace } from "./temporal/bundle.js";
import type { TemporalPlace } from "./temporal/connect.js";
import type { Jobs } from "./temporal/jobs.js";
import type { Schedules } from "./temporal/schedules.js";
import type { WorkerOptions } from "./temporal/worker.js";

/** Jobs on a Temporal server. The client is loaded only here: most commands never need it. */
export async function openJobs(place: TemporalPlace): Promise<Jobs> {
  return (await import("./temporal/jobs.js")).openJobs(place);
}

/** Schedules on a Temporal server. */
export async function openSchedules(place: TemporalPlace): Promise<Schedules> {
  return (await import("./temporal/schedules.js")).openSchedules(place);
}

/** Values as search attributes keep them. */
export async function searchable(value: string, keys: readonly string[]): Promise<readonly [string, ...string[]]> {
  return (await import("./temporal/search-attributes.js")).searchable(value, keys);
}

/** Bundles the workflows, or finds the bundle that was made before. @returns its path */
export async function bundleWorkflows(place: WorkflowsPlace): Promise<string> {
  return (await import("./temporal/bundle.js")).bundleWorkflows(place);
}

/** Digest of the workflows as they are built. @param workflowsPath the compiled module that names them */
export async function workflowsDigest(workflowsPath: string): Promise<string> {
  return (await import("./temporal/bundle.js")).workflowsDigest(workflowsPath);
}

/** Whether a server is named, here or in Temporal's own configuration, and how it is called. */
export async function namedTemporalServer(
  place: TemporalPlace,
): Promise<{ readonly address: string; readonly isNamed: boolean }> {
  return (await import("./temporal/server-facts.js")).namedServer(place);
}

/** What the server says of itself. */
export async function temporalFacts(place: TemporalPlace): Promise<ServerFacts> {
  return (await import("./temporal/server-facts.js")).temporalFacts(place);
}

/** Takes work from a Temporal server's queues until told to stop. */
export async function runWorkers(options: WorkerOptions): Promise<void> {
  return (await import("./temporal/worker.js")).runWorkers(options);
}
