import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Jobs, openJobs, searchable } from "@millrace/workers";
import { serviceProgram } from "../../services/server.ts";
import { startTemporal, type TemporalServer } from "../../services/temporal-server.ts";
import { temporaryFolder } from "../../support/command-line.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

/** As many keywords as a server on SQLite has room for. */
const room = 10;

(isHere ? describe : describe.skip)("search attributes on a real Temporal server", () => {
  let temporal: TemporalServer;
  let jobs: Jobs;

  beforeAll(async () => {
    temporal = await startTemporal(await temporaryFolder());
    jobs = await openJobs({ address: temporal.address });
  }, 60_000);

  afterAll(async () => {
    await jobs?.close();
    await temporal?.server.kill();
  });

  test("are registered where the server lets us, and jobs are told where it does not", async () => {
    const wanted = { limit: 1, attributes: { Wanted: ["x"] } };
    await expect(jobs.list(wanted)).rejects.toMatchObject({ code: "E_CONFIG" });
    expect(await jobs.register(["Wanted"])).toBe(true);
    expect(await jobs.register(["Wanted"])).toBe(true);
    expect(await jobs.list(wanted)).toEqual([]);
    const others = Array.from({ length: room - 1 }, (_, index) => `Other${index}`);
    expect(await jobs.register(others)).toBe(true);
    expect(await jobs.register(["Wanted", "OneTooMany"])).toBe(false);
  }, 60_000);
});

test("what cannot be looked for as it is, and what is to be kept secret, is a digest", async () => {
  const [first, second] = ["a", "b"].map((letter) => Buffer.alloc(32, letter).toString("base64")) as [string, string];
  expect(await searchable("s3://corpora/handbook's/", [])).toEqual(["s3://corpora/handbook's/"]);
  for (const value of ['a "b"', "a\\b", "x".repeat(201)])
    expect(await searchable(value, [])).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  const both = await searchable("secret", [first, second]);
  expect(both).toEqual([(await searchable("secret", [first]))[0], (await searchable("secret", [second]))[0]]);
  expect(new Set([...both, ...(await searchable("other", [first, second]))]).size).toBe(4);
  expect(both.join()).not.toContain("secret");
});
