import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { Runtime, Session, type Tensor, type TensorArrays, type TensorType } from "@millrace/native";
import { randomNumbers } from "../support/corpus.ts";

export const graphs = join(import.meta.dirname, "../golden/native");

export function graph(name: string): Buffer {
  return readFileSync(join(graphs, `${name}.onnx`));
}

/** Skips, saying why, where the addon is not built. */
export function describeNative(name: string, body: () => void): void {
  if (Runtime.isPresent()) describe(name, body);
  else describe.skip(name, body);
}
if (!Runtime.isPresent()) process.stderr.write(`skipped: no native binding: ${Runtime.whyAbsent()}\n`);

/** Opens sessions and closes them together. */
export function sessions() {
  const open: Session[] = [];
  return {
    async create(...args: Parameters<typeof Session.create>): Promise<Session> {
      const session = await Session.create(...args);
      open.push(session);
      return session;
    },
    closeAll: () => Promise.all(open.splice(0).map((session) => session.close())),
  };
}

export function tensor<Type extends TensorType>(type: Type, dims: readonly number[], data: TensorArrays[Type]): Tensor {
  return { type, dims, data };
}

/** Inputs of the graph "slow": it computes for about a second for each 30,000 steps. */
export function slowInputs(steps: number, seed = 1): Record<string, Tensor> {
  const x = Float32Array.from({ length: 2 * 48 }, (_, index) => Math.sin(index * seed + 1));
  return { steps: tensor("int64", [], BigInt64Array.of(BigInt(steps))), x: tensor("float32", [2, 48], x) };
}

/** What the graph "attention" is made for. */
export const attentionShape = { heads: 4, kvHeads: 2, width: 64 } as const;

/** All inputs of one step of it but the past, for rows that have `step` tokens behind them; the same for each seed. */
export function attentionInputs(rows: number, step: number, seed = step): Record<string, Tensor> {
  const { heads, kvHeads, width } = attentionShape;
  const random = randomNumbers(seed + 1);
  const numbers = (count: number) =>
    tensor(
      "float32",
      [rows, 1, count * width],
      Float32Array.from({ length: rows * count * width }, () => random() - 0.5),
    );
  return {
    query: numbers(heads),
    key: numbers(kvHeads),
    value: numbers(kvHeads),
    // As the operator wants them: the lengths with this token, each less one, and the longest.
    lengths: tensor("int32", [rows], new Int32Array(rows).fill(step)),
    total: tensor("int32", [1], Int32Array.of(step + 1)),
  };
}

/** The bits of a tensor's numbers. */
export function bits(tensor: Tensor | undefined): string {
  if (tensor === undefined) throw new Error("no tensor");
  const { buffer, byteOffset, byteLength } = tensor.data;
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}
