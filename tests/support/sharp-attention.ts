import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes a tiny BERT one that int8 hurts, by multiplying its first layer's queries: each token then attends to one other,
 * and which one hangs on the last bits.
 */
export function sharpenAttention(directory: string): void {
  const path = join(directory, "model.safetensors");
  const bytes = readFileSync(path);
  const data = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, data).toString());
  const [start, end] = header["encoder.layer.0.attention.self.query.weight"].data_offsets as [number, number];
  for (let at = data + start; at < data + end; at += 4) bytes.writeFloatLE(bytes.readFloatLE(at) * 60, at);
  writeFileSync(path, bytes);
}
