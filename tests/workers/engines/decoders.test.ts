import { resolve } from "node:path";
import { describe } from "@jest/globals";
import { compileGenerator } from "@millrace/compiler";
import { bestDecoderBinding, decoderFacts, madeUpDecoder, openDecoder } from "@millrace/workers";
import { decoderConformance, sourceConformance } from "../../conformance/decoder.ts";
import { temporaryFolder } from "../../support/command-line.ts";

const bindings = bestDecoderBinding === "native" ? (["native", "npm"] as const) : (["npm"] as const);

describe("made up", () => {
  decoderConformance({ open: async () => madeUpDecoder(48), tolerance: 0 });
  sourceConformance(async () => madeUpDecoder(48, 0));
});

describe.each(bindings)("over the %s binding", (binding) => {
  const open = async (model: string) => {
    const options = { precision: "fp32", cacheDirectory: await temporaryFolder() } as const;
    const compiled = await compileGenerator(resolve("tests/golden", model), options);
    return openDecoder({ ...decoderFacts(compiled), threads: 1, lanes: 1, binding });
  };
  decoderConformance({ open: () => open("tiny-decoders/llama"), tolerance: 1e-4 });
  sourceConformance(() => open("tiny-sequences/t5"));
  sourceConformance(() => open("tiny-sequences/bart"));
});
