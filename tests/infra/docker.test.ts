import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { broughtNode } from "../../packages/cli/bin/node-version.mjs";
import { checkerProgram, complaints, flagsOf, infra, settingsOf } from "../support/deployment.ts";

const root = join(infra, "..");
const hadolint = checkerProgram("hadolint");
if (hadolint === undefined) process.stderr.write("skipped: no hadolint could be brought\n");

const files = ["Dockerfile", "Dockerfile.cuda"];

/** Instructions of a Dockerfile, one a line, without comments. */
function instructionsOf(file: string): readonly string[] {
  const text = readFileSync(join(infra, "docker", file), "utf8").replace(/^#.*\n/gm, "");
  return text
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter(Boolean);
}

function valuesOf(file: string, instruction: string): readonly string[] {
  return instructionsOf(file)
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));
}

(hadolint === undefined ? test.skip : test).each(files)("hadolint finds %s right", (file) => {
  expect(complaints(hadolint as string, ["--failure-threshold", "info", join("docker", file)])).toBe("");
});

describe.each(files)("%s", (file) => {
  test("the last stage is run by a numbered user who is not root, and says when it is well", () => {
    const last = instructionsOf(file).slice(instructionsOf(file).findLastIndex((line) => line.startsWith("FROM ")));
    expect(last.filter((line) => line.startsWith("USER "))).toEqual(["USER 1000:1000"]);
    expect(last.filter((line) => /^HEALTHCHECK .*\/healthz/.test(line))).toHaveLength(1);
    expect(last).toContain('VOLUME ["/work", "/cache"]');
  });

  test("each image has a fixed version", () => {
    const stages = valuesOf(file, "FROM").map((value) => value.split(" AS ")[0] ?? "");
    const names = new Set(valuesOf(file, "FROM").flatMap((value) => value.split(" AS ")[1] ?? []));
    const images = stages.filter((stage) => !names.has(stage) && !stage.startsWith("$"));
    expect(images.length).toBeGreaterThan(0);
    expect(images.filter((image) => !/:\d+\.\d+\.\d+(-[\w.-]+)?$/.test(image))).toEqual([]);
  });

  test("it starts a worker whose settings are right", async () => {
    const [command = "[]"] = valuesOf(file, "CMD").slice(-1);
    const args = JSON.parse(command) as readonly string[];
    expect(args[0]).toBe("worker");
    expect(flagsOf(args)).toContain("--metrics-port");
    await expect(settingsOf(args, {})).resolves.toMatchObject({ metricsPort: 9464, metricsHost: "0.0.0.0" });
  });
});

test("what is copied exists and is not ignored, every package's manifest included", () => {
  const ignore = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  const copied = valuesOf("Dockerfile", "COPY").filter((value) => !value.startsWith("--from="));
  const sources = copied.flatMap((value) => value.split(" ").slice(0, -1));
  expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
  expect(sources.filter((source) => !ignore.includes(`!${source.split("/")[0]}`))).toEqual([]);
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: object };
  const manifests = Object.keys(packages).filter((path) => /^packages\/[^/]+$/.test(path));
  expect(sources.filter((source) => /^packages\//.test(source)).sort()).toEqual(
    manifests.map((path) => `${path}/package.json`).sort(),
  );
});

test("Node, the npm script, and what is removed are those of this repository", () => {
  const nodes = valuesOf("Dockerfile", "FROM").filter((value) => value.startsWith("node:"));
  expect(nodes.map((value) => value.slice(5).split("-")[0])).toEqual([broughtNode, broughtNode]);
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  const steps = valuesOf("Dockerfile", "RUN").join("\n");
  const called = [...steps.matchAll(/npm run (?:--\S+ )*([\w:]+)/g)].map(([, name]) => name);
  expect(called).toEqual(["build"]);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(called));
  const removed = steps.match(/(?<=rm -rf )packages.*/)?.[0].split(/\s+/) ?? [];
  const folders = removed.map((path) => (path.includes("*") ? path.slice(0, path.indexOf("*")) : path));
  expect(folders.length).toBeGreaterThan(3);
  expect(folders.filter((path) => !existsSync(join(root, path.replace(/[^/]*$/, ""))))).toEqual([]);
});
