/** One line on a queue that nobody takes work from: what to start. */
export function formatStarved(queue: string): string {
  const part =
    ["orchestrate", "io", "encode", "generate"].find((name) => queue.startsWith(`millrace-${name}`)) ??
    "orchestrate,io,encode";
  const model = part === "orchestrate" ? "" : " --model <the job's model>";
  return `no worker takes work from ${queue} (all are gone, or busy with other jobs). Start one with: millrace worker --queues ${part}${model}`;
}

/** The same queue, once it is no longer so. */
export function formatFed(queue: string): string {
  return `work from ${queue} is taken again`;
}
