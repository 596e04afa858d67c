import { MillraceError } from "@millrace/core";
import type { JsonFile } from "../json.js";
import type { GgufTensor } from "../weights/gguf-header.js";

/** transformers' `model_type` by GGUF's architecture. Mistral's files call themselves Llama's. */
const modelTypes: Readonly<Record<string, string>> = { llama: "llama", qwen2: "qwen2", qwen3: "qwen3" };

/** Llama's weights are arranged for pairs of neighbours; those of others are as transformers has them. */
const interleaved = ["llama"];

/** Tensors whose presence means something that is not computed. */
const strangers: Readonly<Record<string, string>> = {
  "rope_factors_long.weight": "positions that are turned otherwise in long texts",
  "blk.0.ffn_gate_inp.weight": "a mixture of experts",
};

/** A GGUF file's sizes and settings under transformers' names. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export function ggufConfig(file: JsonFile, tensors: ReadonlyMap<string, GgufTensor>): Record<string, unknown> {
  const architecture = file.text("general.architecture");
  const modelType = Object.hasOwn(modelTypes, architecture) ? modelTypes[architecture] : undefined;
  if (modelType === undefined) throw file.unsupported("general.architecture", Object.keys(modelTypes));
  requireKnownTensors(file, tensors);
  const own = (field: string) => `${architecture}.${field}`;
  const optional = (field: string) => file.values[own(field)];
  const heads = file.count(own("attention.head_count"));
  const hidden = file.count(own("embedding_length"));
  const width = optional("attention.key_length") ?? hidden / heads;
  const turned = optional("rope.dimension_count") ?? width;
  if (turned !== width) throw file.invalid(own("rope.dimension_count"), `heads of ${String(width)} are turned whole`);
  return {
    model_type: modelType,
    hidden_size: hidden,
    intermediate_size: file.count(own("feed_forward_length")),
    num_hidden_layers: file.count(own("block_count")),
    num_attention_heads: heads,
    num_key_value_heads: optional("attention.head_count_kv") ?? heads,
    head_dim: width,
    vocab_size: tensors.get("token_embd.weight")?.shape[0],
    max_position_embeddings: file.count(own("context_length")),
    rms_norm_eps: file.positive(own("attention.layer_norm_rms_epsilon"), 1e-5),
    rope_parameters: readScaling(file, own),
    rope_interleaved: interleaved.includes(architecture),
    attention_bias: tensors.has("blk.0.attn_output.bias"),
  };
}

function readScaling(file: JsonFile, own: (field: string) => string) {
  const type = file.text(own("rope.scaling.type"), "none");
  const theta = { rope_theta: file.positive(own("rope.freq_base"), 10_000) };
  if (type === "none") return { rope_type: "default", ...theta };
  return { rope_type: type, factor: file.values[own("rope.scaling.factor")], ...theta };
}

function requireKnownTensors(file: JsonFile, tensors: ReadonlyMap<string, GgufTensor>): void {
  const found = Object.entries(strangers).find(([name]) => tensors.has(name));
  if (found === undefined) return;
  const why = `it has tensor "${found[0]}": ${found[1]}`;
  throw new MillraceError("E_MODEL_UNSUPPORTED", `cannot compile ${file.path}`, { why });
}

const layerParts: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

const otherParts: Readonly<Record<string, string>> = {
  embed_tokens: "token_embd",
  norm: "output_norm",
  lm_head: "output",
};

/** GGUF's name for a tensor that transformers names, without `model.`; the same name where it has none. */
export function ggufTensorName(tensor: string): string {
  const [, layer, part = "", kind] = /^(?:layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(tensor) ?? [];
  const name = layer === undefined ? otherParts[part] : layerParts[part];
  if (name === undefined) return tensor;
  return layer === undefined ? `${name}.${kind}` : `blk.${layer}.${name}.${kind}`;
}
