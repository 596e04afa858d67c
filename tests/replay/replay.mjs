import { readFile } from "node:fs/promises";
import { DefaultLogger, Runtime, Worker } from "@temporalio/worker";

/** `replay.mjs <history.json> <workflows.js>`: ends with 1 where the workflows would not do again what the history says. */
const [history = "", workflowsPath = ""] = process.argv.slice(2);
Runtime.install({ logger: new DefaultLogger("ERROR") });
await Worker.runReplayHistory({ workflowsPath }, JSON.parse(await readFile(history, "utf8")));
