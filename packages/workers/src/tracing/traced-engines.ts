import type { Encoder, Generator } from "@millrace/core";
import type { Tracing } from "./tracing.js";

/** The same encoder, with a span for each engine run. */
export function tracedEncoder(encoder: Encoder, tracing: Tracing): Encoder {
  const { device, provider } = encoder.engine;
  const engine = { "millrace.device": device, "millrace.provider": provider };
  return {
    dimensions: encoder.dimensions,
    maxTokens: encoder.maxTokens,
    tokenBudget: encoder.tokenBudget,
    engine: encoder.engine,
    encode: (batch, signal) => {
      const { rows, length } = batch;
      const attributes = { ...engine, "millrace.rows": rows, "millrace.tokens": rows * length };
      return tracing.span("engine run", attributes, () => encoder.encode(batch, signal));
    },
    close: () => encoder.close(),
  };
}

/** The same generator, with a span for each answer. */
export function tracedGenerator(generator: Generator, tracing: Tracing): Generator {
  const { device, provider } = generator.engine;
  const engine = { "millrace.device": device, "millrace.provider": provider };
  return {
    contextLength: generator.contextLength,
    engine: generator.engine,
    generate: (request, signal) => {
      const attributes = { ...engine, "millrace.promptTokens": request.promptIds.length };
      return tracing.span("answer", attributes, () => generator.generate(request, signal));
    },
    close: () => generator.close(),
  };
}
