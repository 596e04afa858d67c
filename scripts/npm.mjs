import { spawn } from "node:child_process";
import { basename } from "node:path";
import { fail } from "./failure.mjs";

/** What npm's messages mean, most telling first. */
const explanations = [
  { sign: /ENOSPC/, why: "no space is left on the disk", fix: "Free some space and run again." },
  {
    sign: /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED/,
    why: "the package registry cannot be reached",
    fix: "Check the network (or the proxy and registry settings of npm) and run again.",
  },
  { sign: /EACCES|EPERM|EROFS/, why: "the folder cannot be written", fix: "Check its owner and permissions." },
  {
    sign: /EUSAGE|in sync/,
    why: "package.json and package-lock.json disagree",
    fix: "Run: npm install --ignore-scripts",
  },
  { sign: /ETARGET|E404/, why: "the registry does not have the package", fix: "Check the registry settings of npm." },
];

/**
 * Runs npm silently.
 * @param {readonly string[]} args
 * @param {{ cwd: string, what: string }} options `what` could not be done where npm fails.
 */
export async function npm(args, { cwd, what }) {
  const { code, output } = await capture(args, cwd).catch((error) =>
    fail("E_RUNTIME", `${what}: npm cannot be started (${error.message}). Install npm, it comes with Node.js.`),
  );
  if (code === 0) return;
  const { why, fix } = explainNpmFailure(output);
  fail("E_RUNTIME", `${what}: ${why}. ${fix}`);
}

/** @param {string} output What npm printed before it failed. */
export function explainNpmFailure(output) {
  const known = explanations.find(({ sign }) => sign.test(output));
  if (known !== undefined) return known;
  const said = output.split("\n").find((line) => /^npm (error|ERR!) (?!code|errno|syscall)/.test(line));
  const why = said?.replace(/^npm (error|ERR!) /, "") ?? "npm failed without a word";
  return { why, fix: "Run npm ci --ignore-scripts to see all it says." };
}

/** @param {readonly string[]} args @param {string} cwd @returns {Promise<{ code: number | null, output: string }>} */
function capture(args, cwd) {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  const script = process.env.npm_execpath ?? "";
  const [file, first] = basename(script) === "npm-cli.js" ? [process.execPath, [script]] : ["npm", []];
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...first, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
