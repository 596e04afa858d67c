import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fail } from "./failure.mjs";

/**
 * @typedef {object} Target
 * @property {boolean} isBuilt Whether the packages must be built before.
 * @property {(root: string, args: readonly string[]) => string[][]} commands Arguments of Node, one list after another.
 */

/** @type {readonly [string, Target][]} */
const entries = [
  ["demo", { isBuilt: true, commands: (_root, args) => [["scripts/demo.mjs", ...args]] }],
  [
    "test",
    {
      isBuilt: true,
      commands: (_root, args) => [["scripts/bring-model.mjs"], ["scripts/bring-services.mjs"], [...jest, ...args]],
    },
  ],
  ["build", { isBuilt: true, commands: () => [] }],
  ["bench", { isBuilt: true, commands: benchmarks }],
  ["native:package", { isBuilt: true, commands: () => [["scripts/package-native.mjs"]] }],
  ["native:memory", { isBuilt: true, commands: () => [["scripts/check-memory.mjs"]] }],
  ["check", { isBuilt: false, commands: (_root, args) => [[biome, "check", ...args], buildTypes] }],
];

/** What can be run, by the name of its npm script. */
export const targets = new Map(entries);

const jest = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/jest/bin/jest.js"];
const biome = "node_modules/@biomejs/biome/bin/biome";
const buildTypes = ["node_modules/typescript/bin/tsc", "-b"];

/**
 * `npm run bench` runs every benchmark, `npm run bench encode -- --runs 3` one of them with arguments.
 * @param {string} root
 * @param {readonly string[]} args
 */
function benchmarks(root, [name, ...rest]) {
  const suffix = ".bench.mjs";
  const files = readdirSync(join(root, "benchmarks")).filter((file) => file.endsWith(suffix));
  if (name === undefined) return files.sort().map((file) => [`benchmarks/${file}`]);
  if (files.includes(name + suffix)) return [[`benchmarks/${name}${suffix}`, ...rest]];
  const names = files.map((file) => file.slice(0, -suffix.length)).sort();
  return fail("E_USAGE", `there is no benchmark "${name}"; choose one of ${names.join(", ")}`);
}
