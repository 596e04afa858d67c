import { parentPort, workerData } from "node:worker_threads";
import type { Rows } from "./principal-components.js";
import { projectVectors } from "./project.js";

/** Runs in a thread of its own: it computes for seconds. */
parentPort?.postMessage(projectVectors(workerData as Rows));
