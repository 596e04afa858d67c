"""Writes more of tiny-models/: architectures beside those of make_tiny_models.py, and what is said of rotary positions.

    pip install sentence-transformers==6.2.0 transformers==5.23.0 torch==2.15.0 model2vec==0.10.0 onnx==1.23.2 onnxruntime
    python tests/golden/make_tiny_encoders.py [name ...]
"""

import json
import random
import re
import shutil
import sys

import safetensors.torch
import torch
import transformers
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.modules import Pooling

from make_tiny_models import byte_pairs, make, old_config, randomize, root, sizes, unigrams, word_pieces, wrap, write_golden

half, bfloat = torch.float16, torch.bfloat16
tokens = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2)


def pooling(*modes):
    return Pooling(32, modes)


def left():
    config = transformers.BertConfig(vocab_size=280, max_position_embeddings=64, **(sizes | {"num_hidden_layers": 1}))
    encoder = transformers.BertModel(config, add_pooling_layer=False).eval()
    prompts = {"query": "query: ", "passage": "passage: "}
    make("cut-left", encoder, tokenizer=word_pieces(), head=[pooling("cls"), Normalize()], dtype=half, side="left", prompts=prompts)


def qwen2():
    config = transformers.Qwen2Config(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=2, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}, **tokens, **sizes
    )
    head = [pooling("lasttoken"), Normalize()]
    make("qwen2", transformers.Qwen2Model(config).eval(), tokenizer=byte_pairs("$A </s>"), head=head, limit=96, dtype=bfloat)
    config = transformers.Qwen2Config(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=1, use_sliding_window=True, sliding_window=7, max_window_layers=1, is_causal=False,
        rope_parameters=yarn, **tokens, **sizes,
    )
    make("qwen2-both-ways", transformers.Qwen2Model(config).eval(), tokenizer=byte_pairs("$A </s>"), head=[pooling("mean")], limit=96, dtype=half)


yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 24, "beta_fast": 8.0}
llama3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}
longrope = {
    "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.5, 2.0, 3.0], "long_factor": [1.25, 4.0, 9.0, 14.5],
    "original_max_position_embeddings": 32,
}


def llamas():
    config = transformers.LlamaConfig(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=2, attention_bias=True, mlp_bias=True, rope_parameters=llama3, **tokens, **sizes
    )
    make("llama", transformers.LlamaForCausalLM(config).eval(), tokenizer=byte_pairs(), head=[pooling("lasttoken")], limit=96, dtype=half)
    old_config(root / "llama", rope_theta=10000.0, rope_scaling={name: value for name, value in llama3.items() if name != "rope_theta"})
    config = transformers.MistralConfig(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=1, head_dim=8, sliding_window=11, rope_parameters=longrope, **tokens, **sizes
    )
    make("mistral", transformers.MistralModel(config).eval(), tokenizer=byte_pairs(), head=[pooling("lasttoken"), Normalize()], limit=96, dtype=bfloat)
    config = transformers.EuroBertConfig(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=2, mask_token_id=3,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 250000.0, "factor": 2.0}, **tokens, **sizes,
    )
    make("eurobert", transformers.EuroBertModel(config).eval(), tokenizer=byte_pairs(), head=[pooling("mean")], limit=96, dtype=half)


def narrow():
    config = transformers.ElectraConfig(vocab_size=280, max_position_embeddings=64, embedding_size=24, **sizes)
    make("electra", transformers.ElectraModel(config).eval(), tokenizer=word_pieces(), head=[pooling("cls")], dtype=half, prefix="electra.")
    config = transformers.AlbertConfig(
        vocab_size=260, max_position_embeddings=64, embedding_size=16, num_hidden_groups=2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        **(sizes | {"num_hidden_layers": 4}),
    )
    encoder = transformers.AlbertModel(config, add_pooling_layer=False).eval()
    make("albert", encoder, tokenizer=unigrams(), head=[pooling("mean"), Normalize()], dtype=bfloat)


def t5():
    settings = dict(vocab_size=320, d_model=32, num_layers=2, num_heads=4, d_ff=48, pad_token_id=1, eos_token_id=2, decoder_start_token_id=1)
    config = transformers.T5Config(d_kv=6, **settings)
    head = [pooling("mean"), Dense(32, 24, bias=False, activation_function=torch.nn.Identity()), Normalize()]
    make("t5", transformers.T5EncoderModel(config).eval(), tokenizer=byte_pairs("$A </s>"), head=head, limit=160, dtype=half)
    config = transformers.T5Config(d_kv=8, feed_forward_proj="gated-gelu", relative_attention_num_buckets=20, relative_attention_max_distance=40, **settings)
    make("t5-gated", transformers.T5EncoderModel(config).eval(), tokenizer=byte_pairs("$A </s>"), head=[pooling("mean")], limit=96, dtype=bfloat)


class GatedLinear(torch.nn.Module):
    def __init__(self, hidden, inner):
        super().__init__()
        self.gated_layers = torch.nn.Linear(hidden, 2 * inner, bias=False)

    def forward(self, states):
        gate, values = self.gated_layers(states).chunk(2, dim=-1)
        return torch.nn.functional.gelu(gate) * values


class BertWithPenalties:
    """transformers' BERT with the parts that Jina's own code exchanges: what it adds to scores goes in as its mask."""

    def __init__(self, encoder, tokenizer, slopes):
        self.encoder, self.tokenizer, self.slopes = encoder, tokenizer, slopes

    def encode(self, texts):
        inputs = self.tokenizer(texts, truncation=True, return_tensors="pt")
        places = torch.arange(inputs["input_ids"].shape[1])
        penalties = -(places[:, None] - places[None, :]).abs() * torch.tensor(self.slopes)[None, :, None, None]
        with torch.no_grad():
            states = self.encoder(input_ids=inputs["input_ids"], attention_mask=penalties.float()).last_hidden_state
        return torch.nn.functional.normalize(states.mean(dim=1), dim=-1).numpy()

    encode_query = encode_document = encode


def jina():
    inner, heads = 48, 6
    config = transformers.BertConfig(
        vocab_size=280, max_position_embeddings=160, hidden_size=36, num_hidden_layers=2, num_attention_heads=heads, intermediate_size=inner, attn_implementation="eager"
    )
    encoder = transformers.BertModel(config, add_pooling_layer=False).eval()
    for layer in encoder.encoder.layer:
        layer.intermediate = GatedLinear(36, inner)
    randomize(encoder, half)
    encoder.embeddings.position_embeddings.weight.data.zero_()
    folder = root / "jina-bert"
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = wrap(word_pieces(), 160)
    tokenizer.save_pretrained(folder)
    own = {"intermediate.gated_layers": "mlp.gated_layers", "output.dense": "mlp.wo", "output.LayerNorm": "mlp.layernorm"}
    tensors = {}
    for name, tensor in encoder.state_dict().items():
        for ours, theirs in own.items():
            name = re.sub(rf"(layer\.\d+)\.{re.escape(ours)}\b", rf"\1.{theirs}", name)
        if "position" not in name:
            tensors[name] = tensor.to(half).contiguous()
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    settings = config.to_dict() | {"position_embedding_type": "alibi", "feed_forward_type": "geglu", "architectures": ["JinaBertForMaskedLM"]}
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "Pooling"}, {"idx": 2, "name": "2", "path": "2_Normalize", "type": "Normalize"}]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 36, "pooling_mode_mean_tokens": True}) + "\n")
    # Of six heads four have the slopes of four, and two every other one of those of eight.
    slopes = [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]
    write_golden(folder, BertWithPenalties(encoder, tokenizer, slopes))


def deberta():
    config = transformers.DebertaV2Config(
        vocab_size=260, max_position_embeddings=96, position_biased_input=False, relative_attention=True, position_buckets=16, norm_rel_ebd="layer_norm",
        share_att_key=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0, pad_token_id=1, **sizes,
    )
    encoder = transformers.DebertaV2Model(config).eval()
    make("deberta", encoder, tokenizer=unigrams(), head=[pooling("mean"), Normalize()], limit=96, dtype=bfloat, prefix="deberta.")
    config = transformers.DebertaV2Config(
        vocab_size=260, max_position_embeddings=64, position_biased_input=False, relative_attention=True, max_relative_positions=24, pos_att_type="c2p",
        type_vocab_size=0, pad_token_id=1, **(sizes | {"num_hidden_layers": 1}),
    )
    make("deberta-plain", transformers.DebertaV2Model(config).eval(), tokenizer=unigrams(), head=[pooling("cls")], dtype=half)


groups = [left, qwen2, llamas, narrow, t5, jina, deberta]

if __name__ == "__main__":
    for group in groups:
        if len(sys.argv) == 1 or group.__name__ in sys.argv[1:]:
            random.seed(7)
            torch.manual_seed(7)
            group()
