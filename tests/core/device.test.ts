import { describe, expect, test } from "@jest/globals";
import { deviceText, parseDevice } from "@millrace/core";
import fc from "fast-check";

describe("parseDevice", () => {
  test.each([
    ["cpu", { kind: "cpu" }],
    ["cuda", { kind: "cuda", gpus: [0] }],
    ["cuda:1", { kind: "cuda", gpus: [1] }],
    ["cuda:0,2,1", { kind: "cuda", gpus: [0, 2, 1] }],
  ])("reads %s", (text, device) => {
    expect(parseDevice(text)).toEqual(device);
  });

  test.each([
    "",
    "gpu",
    "CUDA:0",
    "cuda:",
    "cuda:a",
    "cuda:0,",
    "cuda:-1",
    "cuda:0,0",
    "cuda:1,01",
    "cpu:0",
    "cuda:0 ",
    "cuda:1234",
  ])("refuses %j", (text) => {
    expect(parseDevice(text)).toBeUndefined();
  });

  test("is the inverse of deviceText", () => {
    const gpus = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(gpus, (numbers) => {
        const device = { kind: "cuda", gpus: numbers } as const;
        expect(parseDevice(deviceText(device))).toEqual(device);
      }),
    );
  });
});
