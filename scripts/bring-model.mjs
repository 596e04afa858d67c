import { fileURLToPath } from "node:url";
import { runChild } from "../packages/cli/bin/run-child.mjs";

/** Brings the model that some tests need, before they run. Where it cannot be brought, those tests skip and say so. */
const cli = fileURLToPath(new URL("../packages/cli/bin/millrace.js", import.meta.url));
const code = await runChild(process.execPath, [cli, "models", "pull", "all-MiniLM-L6-v2", "--quiet"]);
if (code !== 0) process.stderr.write("the model could not be brought: tests that need it are skipped\n");
