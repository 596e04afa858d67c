/** Sizes of a llama2.c checkpoint. */
export interface Llama2cHeader {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly vocabulary: number;
  readonly positions: number;
  /** False where the head's table follows at the end. */
  readonly isTied: boolean;
}

/** A float32 tensor and the byte it begins at. */
export interface Llama2cTensor {
  readonly shape: readonly number[];
  readonly offset: number;
}

/** Seven int32. */
export const bytesOfHeader = 28;

/** Reads a header; undefined where the numbers make no model of just the file's size, which is all that marks such a file. */
export function readLlama2cHeader(bytes: Uint8Array, fileBytes: number): Llama2cHeader | undefined {
  if (bytes.length < bytesOfHeader) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytesOfHeader);
  const [hidden = 0, intermediate = 0, layers = 0, heads = 0, keyHeads = 0, words = 0, positions = 0] = Array.from(
    { length: 7 },
    (_, index) => view.getInt32(index * 4, true),
  );
  const vocabulary = Math.abs(words);
  const header = { hidden, intermediate, layers, heads, keyHeads, vocabulary, positions, isTied: words > 0 };
  const sizes = [hidden, intermediate, layers, heads, keyHeads, vocabulary, positions];
  if (sizes.some((size) => size < 1) || hidden % heads !== 0 || heads % keyHeads !== 0) return undefined;
  return planTensors(header).end === fileBytes ? header : undefined;
}

/** Every tensor by transformers' name, without `model.`. */
export function tensorsOf(header: Llama2cHeader): ReadonlyMap<string, Llama2cTensor> {
  return planTensors(header).tensors;
}

function planTensors(header: Llama2cHeader) {
  const { hidden, intermediate, layers, heads, keyHeads, vocabulary, positions, isTied } = header;
  const width = hidden / heads;
  const tensors = new Map<string, Llama2cTensor>();
  let end = bytesOfHeader;
  const skip = (shape: readonly number[]) => {
    end += shape.reduce((product, size) => product * size, 4);
  };
  const add = (name: string, shape: readonly number[]) => {
    tensors.set(name, { shape, offset: end });
    skip(shape);
  };
  const addLayers = (part: string, shape: readonly number[]) => {
    for (let layer = 0; layer < layers; layer += 1) add(`layers.${layer}.${part}.weight`, shape);
  };
  add("embed_tokens.weight", [vocabulary, hidden]);
  addLayers("input_layernorm", [hidden]);
  addLayers("self_attn.q_proj", [hidden, hidden]);
  addLayers("self_attn.k_proj", [keyHeads * width, hidden]);
  addLayers("self_attn.v_proj", [keyHeads * width, hidden]);
  addLayers("self_attn.o_proj", [hidden, hidden]);
  addLayers("post_attention_layernorm", [hidden]);
  addLayers("mlp.gate_proj", [intermediate, hidden]);
  addLayers("mlp.down_proj", [hidden, intermediate]);
  addLayers("mlp.up_proj", [intermediate, hidden]);
  add("norm.weight", [hidden]);
  // Cosines and sines of the positions, which nobody reads any more.
  skip([positions, width]);
  if (!isTied) add("lm_head.weight", [vocabulary, hidden]);
  return { tensors, end };
}
