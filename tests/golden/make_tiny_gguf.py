"""Writes tiny-gguf/: a random Llama of one layer as GGUF, a tensor of every type that is read, and transformers' logits for it.

    pip install gguf==0.19.0 transformers==5.23.0 torch==2.15.0
    python tests/golden/make_tiny_gguf.py && npx biome check --write tests/golden

The gguf package takes the stored values apart; transformers computes with what it finds.
"""

import base64
import json
import pathlib

import gguf
import numpy
import torch
import transformers

root = pathlib.Path(__file__).with_name("tiny-gguf")
types = gguf.GGMLQuantizationType
random = numpy.random.default_rng(5)
hidden, intermediate, heads, key_heads, positions = 256, 32, 4, 1, 32
width = hidden // heads
words = [*"abcdefghijklmnopqrstuvwxyz", *"Ġ.,!?0123456789", "th", "the", "Ġa", "er", "in"]
special = ["<|end|>", "<|user|>"]
vocabulary = len(special) + len(words)


def half(value):
    return numpy.frombuffer(numpy.float16(value).tobytes(), numpy.uint8)


def k_groups(count, size, halves_at, scale):
    """Random bytes, with halves of about `scale` at some places: every pattern of bits stands for a value."""
    groups = random.integers(0, 256, (count, size), dtype=numpy.uint8)
    for group in groups:
        for at in halves_at:
            group[at : at + 2] = half(scale * random.uniform(0.5, 1))
    return groups


def stored(kind, rows, columns):
    """Stored bytes [rows, bytes of a row], and the values they stand for."""
    if kind == types.Q4_K:
        raw = k_groups(rows * columns // 256, 144, (0, 2), 2e-4)
    elif kind == types.Q6_K:
        raw = k_groups(rows * columns // 256, 210, (208,), 3e-5)
    else:
        raw = gguf.quantize(random.standard_normal((rows, columns), dtype=numpy.float32) * columns**-0.5, kind)
    raw = raw.view(numpy.uint8).reshape(rows, -1)
    return raw, gguf.dequantize(raw, kind).reshape(rows, columns)


def unpermuted(values, count):
    """Rows as transformers has them: the halves of each head apart, not their pairs together."""
    return values.reshape(count, width // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)


def main():
    root.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(root / "model.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(positions)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(intermediate)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(special + words)
    writer.add_token_types([3] * len(special) + [1] * len(words))
    writer.add_token_merges(["t h", "th e", "Ġ a", "e r", "i n"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(0)
    writer.add_chat_template("{{ messages[0].content }}")
    state = {}

    def add(name, target, kind, rows, columns, arrange=lambda values: values):
        raw, values = stored(kind, rows, columns)
        writer.add_tensor(name, raw, raw_dtype=kind)
        state[target] = torch.tensor(arrange(values).copy())

    def add_norm(name, target):
        values = (1 + random.standard_normal(hidden) * 0.2).astype(numpy.float32)
        writer.add_tensor(name, values)
        state[target] = torch.tensor(values)

    layer = "model.layers.0."
    add("token_embd.weight", "model.embed_tokens.weight", types.Q8_0, vocabulary, hidden)
    add_norm("blk.0.attn_norm.weight", layer + "input_layernorm.weight")
    add("blk.0.attn_q.weight", layer + "self_attn.q_proj.weight", types.Q4_K, hidden, hidden, lambda w: unpermuted(w, heads))
    add("blk.0.attn_k.weight", layer + "self_attn.k_proj.weight", types.Q6_K, width, hidden, lambda w: unpermuted(w, key_heads))
    add("blk.0.attn_v.weight", layer + "self_attn.v_proj.weight", types.Q4_1, width, hidden)
    add("blk.0.attn_output.weight", layer + "self_attn.o_proj.weight", types.Q4_0, hidden, hidden)
    add_norm("blk.0.ffn_norm.weight", layer + "post_attention_layernorm.weight")
    add("blk.0.ffn_gate.weight", layer + "mlp.gate_proj.weight", types.F16, intermediate, hidden)
    add("blk.0.ffn_up.weight", layer + "mlp.up_proj.weight", types.BF16, intermediate, hidden)
    add("blk.0.ffn_down.weight", layer + "mlp.down_proj.weight", types.Q8_0, hidden, intermediate)
    add_norm("output_norm.weight", "model.norm.weight")
    divisors = random.uniform(1, 8, width // 2).astype(numpy.float32)
    writer.add_tensor("rope_freqs.weight", divisors)
    add("output.weight", "lm_head.weight", types.Q6_K, vocabulary, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_golden(state, torch.tensor(divisors))


@torch.no_grad()
def write_golden(state, divisors):
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=1,
        num_attention_heads=heads, num_key_value_heads=key_heads, max_position_embeddings=positions, rms_norm_eps=1e-5,
    ))
    model.load_state_dict(state)
    model.model.rotary_emb.inv_freq /= divisors
    prompt = [1, 9, 4, 30, 17, 17, 2, 44, 25, 8]
    logits = model(torch.tensor([prompt])).logits[0].numpy().astype("<f4")
    rows = [{"prompt": [], "greedy": []}, {"prompt": prompt, "greedy": [int(logits[-1].argmax())]}]
    golden = {"rows": rows, "logits": base64.b64encode(logits.tobytes()).decode()}
    (root / "golden.json").write_text(json.dumps(golden) + "\n")


main()
