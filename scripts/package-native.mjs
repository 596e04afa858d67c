import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail } from "./failure.mjs";
import { addonTargets } from "./native.mjs";
import { npm } from "./npm.mjs";

/**
 * Packs the native binding as it is published: a package with the JavaScript, and one with the addon for each platform, of
 * which npm installs the one that fits. The first names the others as optional dependencies only here, since no registry has
 * them before they are published, and `npm ci` fails on what no registry has.
 * @param {string} root
 * @param {string} folder Emptied and filled with a folder and a tarball for each package.
 * @returns {Promise<readonly string[]>} Paths of the tarballs: JavaScript first, then this platform's addon.
 */
export async function packageNative(root, folder) {
  const source = join(root, "packages", "native");
  const manifest = JSON.parse(await readFile(join(source, "package.json"), "utf8"));
  const { name, version } = manifest;
  const target = addonTargets[`${process.platform}-${process.arch}`];
  if (target === undefined) fail("E_RUNTIME", `there is no addon for ${process.platform} on ${process.arch}`);
  const others = Object.values(addonTargets).map((each) => [`${name}-${each}`, version]);
  await rm(folder, { recursive: true, force: true });
  const { scripts, devDependencies, ...published } = manifest;
  const main = { ...published, optionalDependencies: Object.fromEntries(others) };
  const files = [join(source, "dist"), join(source, "README.md"), join(root, "LICENSE")];
  const addon = join(source, `millrace-native.${target}.node`);
  return [
    await pack(join(folder, "native"), main, files),
    await pack(join(folder, target), addonManifest(manifest, target), [addon, join(root, "LICENSE")]),
  ];
}

/** @param {{ name: string, version: string, license: string, engines: object }} manifest @param {string} target */
function addonManifest({ name, version, license, engines }, target) {
  const [os, cpu, libc] = target.split("-");
  const file = `millrace-native.${target}.node`;
  return {
    name: `${name}-${target}`,
    version,
    description: `The addon of ${name} for ${os} on ${cpu}`,
    license,
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc === "gnu" && { libc: ["glibc"] }),
    main: file,
    files: [file],
  };
}

/** @param {string} folder @param {{ name: string, version: string }} manifest @param {readonly string[]} files */
async function pack(folder, manifest, files) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of files) {
    await cp(file, join(folder, file.slice(file.lastIndexOf("/") + 1)), { recursive: true }).catch(() =>
      fail("E_RUNTIME", `${file} is not there. Build it with npm run build, where cargo is found.`),
    );
  }
  const parent = join(folder, "..");
  await npm(["pack", folder, "--pack-destination", parent], { cwd: parent, what: `${manifest.name} is not packed` });
  return join(parent, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const paths = await packageNative(root, join(root, "packages", "native", "npm"));
  process.stdout.write(paths.map((path) => `${path}\n`).join(""));
}
