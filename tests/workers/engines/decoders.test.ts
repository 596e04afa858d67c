import { resolve } from "node:path";
import { describe } from "@jest/globals";
import { compileGenerator } from "@millrace/compiler";
import { bestDecoderBinding, madeUpDecoder, openDecoder } from "@millrace/workers";
import { decoderConformance } from "../../conformance/decoder.ts";
import { temporaryFolder } from "../../support/command-line.ts";

const bindings = bestDecoderBinding === "native" ? (["native", "npm"] as const) : (["npm"] as const);

describe("made up", () => {
  decoderConformance({ open: async () => madeUpDecoder(48), tolerance: 0 });
});

describe.each(bindings)("over the %s binding", (binding) => {
  const open = async () => {
    const cacheDirectory = await temporaryFolder();
    const place = resolve("tests/golden/tiny-decoders/llama");
    const model = await compileGenerator(place, { precision: "fp32", cacheDirectory });
    return openDecoder({ ...model, threads: 1, lanes: 1, binding });
  };
  decoderConformance({ open, tolerance: 1e-4 });
});
