import { fileURLToPath } from "node:url";
import { runChild } from "../packages/cli/bin/run-child.mjs";

/** Indexes the documentation of this repository's own dependencies and asks it three questions, with the real commands. */
const model = "all-MiniLM-L6-v2";
const store = ".millrace/demo/store";
const work = ".millrace/demo/work";
/** Folders called node_modules are passed over unless a pattern names them. */
const everyMarkdownFile = ["--include", "**/*.md", "--include", "**/node_modules/**/*.md"];
const commands = [
  ["models", "pull", model],
  ["index", "node_modules", ...everyMarkdownFile, "--model", model, "--store", store, "--work", work],
  ["search", "how do I parse command line options", "--store", store, "--top", "3"],
  ["search", "run promises with limited concurrency", "--store", store, "--top", "3"],
  ["search", "compile a glob pattern to a regular expression", "--store", store, "--top", "3"],
];

async function demo() {
  const cli = fileURLToPath(new URL("../packages/cli/bin/millrace.js", import.meta.url));
  const root = fileURLToPath(new URL("..", import.meta.url));
  for (const args of commands) {
    process.stdout.write(`\n$ npx millrace ${args.map(quoted).join(" ")}\n`);
    const code = await runChild(process.execPath, [cli, ...args], { cwd: root });
    if (code !== 0) return code;
  }
  process.stdout.write(
    `\nThe store is ${store}. Run npm run demo again: nothing is encoded twice. ` +
      `Your own folder next:\n$ npx millrace index <folder> --model ${model} --store .millrace/store\n`,
  );
  return 0;
}

/** @param {string} argument As a shell would need it. */
function quoted(argument) {
  return /^[\w./-]+$/.test(argument) ? argument : `'${argument}'`;
}

process.exitCode = await demo();
