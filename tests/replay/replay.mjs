import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { DefaultLogger, Runtime, Worker } from "@temporalio/worker";

/**
 * `replay.mjs '[[<bundle>, [<history>, …]], …]'`: lets each bundle of workflows replay its histories, and prints a line of
 * JSON for each bundle: by the history's file, the error with which the workflows do otherwise than the history says, or null.
 */
/** @type {readonly (readonly [bundle: string, histories: readonly string[]])[]} */
const replays = JSON.parse(process.argv[2] ?? "[]");
const telemetryOptions = {
  logging: { forward: {}, filter: { core: /** @type {const} */ ("ERROR"), other: /** @type {const} */ ("ERROR") } },
};
Runtime.install({ logger: new DefaultLogger("ERROR", () => {}), telemetryOptions });

/** @param {readonly string[]} files */
async function* read(files) {
  for (const file of files) yield { workflowId: basename(file), history: JSON.parse(await readFile(file, "utf8")) };
}

for (const [codePath, files] of replays) {
  /** @type {Record<string, string | null>} */
  const errors = {};
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, read(files))) {
    errors[workflowId] = error === undefined ? null : `${error.name}: ${error.message}`;
  }
  process.stdout.write(`${JSON.stringify(errors)}\n`);
}
