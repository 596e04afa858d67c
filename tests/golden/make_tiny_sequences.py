"""Writes tiny-sequences/<name>/: small random models with an encoder and a decoder, each with its own tokens and logits.

    pip install transformers==5.23.0 torch==2.15.0
    python tests/golden/make_tiny_sequences.py [name ...] && npx biome check --write tests/golden

golden.json holds sources of token ids, what greedy search makes of each after the token that begins it, and base64 of
little-endian float32 logits [tokens, vocabulary] of the first.
"""

import base64
import json
import pathlib
import shutil
import sys

import safetensors.torch
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

root = pathlib.Path(__file__).with_name("tiny-sequences")
vocabulary = 96
sources = [[5, 17, 4, 88, 23, 9, 60, 31, 2, 77, 42, 1], [90, 1], [33, 33, 8, 13, 21, 34, 55, 1], [*range(10, 90, 3), 1]]
new_tokens = 20


def make(name, model):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(13)
    for key, parameter in model.named_parameters():
        if "embed_positions" in key and not parameter.requires_grad:
            continue
        if parameter.dim() == 1:
            parameter.data += torch.randn_like(parameter) * 0.3
        else:
            is_table = any(part in key for part in ("shared", "embed", "relative"))
            parameter.data = torch.randn_like(parameter) * (0.6 if is_table else 1.2 / parameter.shape[-1] ** 0.5)
        parameter.data = parameter.data.bfloat16().float()
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.copy_((torch.randn_like(model.final_logits_bias) * 0.5).bfloat16().float())
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    tensors = {key: tensor.bfloat16() for key, tensor in safetensors.torch.load_file(path).items()}
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    tokenizer = Tokenizer(models.WordLevel({f"t{index}": index for index in range(vocabulary)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    write_golden(folder, model.eval())


@torch.no_grad()
def write_golden(folder, model):
    rows = []
    for source in sources:
        ids = [model.config.decoder_start_token_id]
        for _ in range(new_tokens):
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([ids])).logits[0]
            ids.append(int(logits[-1].argmax()))
        rows.append({"source": source, "greedy": ids[1:]})
        if len(rows) == 1:
            data = base64.b64encode(logits.numpy().astype("<f4").tobytes()).decode()
    (folder / "golden.json").write_text(json.dumps({"rows": rows, "logits": data}) + "\n")


sizes = dict(
    vocab_size=vocabulary, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
    decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=40, max_position_embeddings=40,
)
t5 = dict(
    vocab_size=vocabulary, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_decoder_layers=2, num_heads=3,
    relative_attention_num_buckets=8, relative_attention_max_distance=12, decoder_start_token_id=0,
)
make("bart", transformers.BartForConditionalGeneration(transformers.BartConfig(**sizes, decoder_start_token_id=2)))
make("marian", transformers.MarianMTModel(transformers.MarianConfig(
    **sizes, scale_embedding=True, activation_function="swish", pad_token_id=95, decoder_start_token_id=95, eos_token_id=1)))
make("t5", transformers.T5ForConditionalGeneration(transformers.T5Config(**t5)))
make("t5-gated", transformers.T5ForConditionalGeneration(transformers.T5Config(
    **t5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)))
