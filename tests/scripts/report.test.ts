import { expect, test } from "@jest/globals";
import { machineFacts, markdownTable } from "../../benchmarks/report.mjs";

test("a report puts the fastest first and compares with the baseline", () => {
  const results = [
    {
      peer: "other",
      version: "1.2.3",
      tokensPerSecond: 2000,
      documents: 90,
      seconds: 10,
      settings: { precision: "fp32" },
    },
    { peer: "millrace", tokensPerSecond: 15_000.4, measures: { cosine: 0.995 } },
  ];
  expect(markdownTable({ name: "encode", baseline: "other", results }).split("\n")).toEqual([
    "| system | tokens/s | documents/s | against other | cosine |",
    "| --- | ---: | ---: | ---: | ---: |",
    "| millrace | 15,000 | – | 7.50 × | 0.995 |",
    "| other 1.2.3 fp32 | 2,000 | 9.0 | 1.00 × | – |",
  ]);
});

test("a report without its baseline compares with nothing", () => {
  const results = [{ peer: "millrace", tokensPerSecond: 1 }];
  expect(markdownTable({ name: "encode", baseline: "other", results })).toContain("| millrace | 1 | – | – |");
});

test("the machine is described", async () => {
  const facts = await machineFacts();
  expect(facts.cores).toBeGreaterThan(0);
  expect(facts.versions["apache-arrow"]).toMatch(/^\d+\.\d+\.\d+$/);
});
