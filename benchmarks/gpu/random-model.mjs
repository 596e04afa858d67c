import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * @typedef {object} ModelShape
 * @property {number} hidden
 * @property {number} layers
 * @property {number} heads
 * @property {number} intermediate
 * @property {number} vocabulary
 * @property {number} positions
 */

/** @type {ModelShape} The shape of all-MiniLM-L6-v2. */
export const miniLm = { hidden: 384, layers: 6, heads: 12, intermediate: 1536, vocabulary: 30_522, positions: 512 };

/** @type {ModelShape} */
export const tiny = { hidden: 32, layers: 2, heads: 4, intermediate: 64, vocabulary: 1_000, positions: 64 };

/**
 * Writes a BERT with weights that are random and the same everywhere, so that a machine without a network has a model: a
 * directory as transformers saves one. Mean pooling, normalised.
 * @param {string} folder
 * @param {ModelShape} shape
 */
export async function writeRandomModel(folder, shape) {
  const { hidden, layers, heads, intermediate, vocabulary, positions } = shape;
  const tensors = tensorShapes(shape).map(([name, size]) => ({ name, size, bytes: 4 * product(size) }));
  /** @type {Record<string, object>} */
  const header = {};
  let offset = 0;
  for (const { name, size, bytes } of tensors) {
    header[name] = { dtype: "F32", shape: size, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const headerText = JSON.stringify(header);
  const padded = headerText.padEnd(Math.ceil(headerText.length / 8) * 8);
  const weights = Buffer.alloc(8 + padded.length + offset);
  weights.writeBigUInt64LE(BigInt(padded.length), 0);
  weights.write(padded, 8);
  const next = normalNumbers(7);
  const floats = new Float32Array(offset / 4);
  let at = 0;
  for (const { name, size } of tensors) {
    const isScale = name.endsWith("LayerNorm.weight");
    for (const end = at + product(size); at < end; at += 1) floats[at] = isScale ? 1 : 0.02 * next();
  }
  weights.set(new Uint8Array(floats.buffer), 8 + padded.length);
  await mkdir(join(folder, "1_Pooling"), { recursive: true });
  const write = (/** @type {string} */ name, /** @type {object} */ value) =>
    writeFile(join(folder, name), JSON.stringify(value, undefined, 2));
  await write("config.json", {
    model_type: "bert",
    architectures: ["BertModel"],
    hidden_act: "gelu",
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    vocab_size: vocabulary,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
    position_embedding_type: "absolute",
    torch_dtype: "float32",
  });
  await write("modules.json", [
    { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
    { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
    { idx: 2, name: "2", path: "2_Normalize", type: "sentence_transformers.models.Normalize" },
  ]);
  await write("1_Pooling/config.json", { word_embedding_dimension: hidden, pooling_mode_mean_tokens: true });
  await write("tokenizer.json", { version: "1.0", model: { type: "WordLevel", vocab: {}, unk_token: "" } });
  await writeFile(join(folder, "model.safetensors"), weights);
}

/** @param {ModelShape} shape @returns {[string, number[]][]} */
function tensorShapes({ hidden, layers, intermediate, vocabulary, positions }) {
  /** @type {(name: string, outputs: number, inputs?: number) => [string, number[]][]} */
  const affine = (name, outputs, inputs) => [
    [`${name}.weight`, inputs === undefined ? [outputs] : [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
  const layer = (/** @type {number} */ index) => {
    const name = `encoder.layer.${index}`;
    return [
      ...["query", "key", "value"].flatMap((part) => affine(`${name}.attention.self.${part}`, hidden, hidden)),
      ...affine(`${name}.attention.output.dense`, hidden, hidden),
      ...affine(`${name}.attention.output.LayerNorm`, hidden),
      ...affine(`${name}.intermediate.dense`, intermediate, hidden),
      ...affine(`${name}.output.dense`, hidden, intermediate),
      ...affine(`${name}.output.LayerNorm`, hidden),
    ];
  };
  return [
    ["embeddings.word_embeddings.weight", [vocabulary, hidden]],
    ["embeddings.position_embeddings.weight", [positions, hidden]],
    ["embeddings.token_type_embeddings.weight", [2, hidden]],
    ...affine("embeddings.LayerNorm", hidden),
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
  ];
}

/** @param {readonly number[]} sizes */
function product(sizes) {
  return sizes.reduce((result, size) => result * size, 1);
}

/** Normally distributed numbers by Box and Muller, from a linear congruential generator. @param {number} seed */
function normalNumbers(seed) {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
