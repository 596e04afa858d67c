"""Writes tiny-decoders/<name>/: small random generators as transformers saves them, each with its own tokens and logits.

    pip install transformers==5.23.0 torch==2.15.0
    python tests/golden/make_tiny_decoders.py [name ...] && npx biome check --write tests/golden

golden.json holds prompts of token ids, what greedy search makes of each, and base64 of little-endian float32 logits
[tokens, vocabulary] of the first prompt.
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

root = pathlib.Path(__file__).with_name("tiny-decoders")
vocabulary = 96
prompts = [[1], [1, 17, 4, 88, 23, 9, 60, 31, 2, 77, 42, 5, 19, 64, 3, 50, 7], [90, 12], [5, 5, 5, 5, 8, 13, 21, 34, 55]]
new_tokens = 24
shared = dict(
    vocab_size=vocabulary, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=0, pad_token_id=0,
)


def make(name, model, dtype=torch.bfloat16, **generation):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    randomize(model, dtype)
    model.generation_config.update(**generation)
    model.save_pretrained(folder)
    if dtype != torch.float32:
        path = folder / "model.safetensors"
        tensors = {key: tensor.to(dtype) for key, tensor in safetensors.torch.load_file(path).items()}
        safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    tokenizer = Tokenizer(models.WordLevel({f"t{index}": index for index in range(vocabulary)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    write_golden(folder, model.eval())


def randomize(model, dtype):
    """Large weights, so that no part is without effect, which `dtype` holds exactly."""
    torch.manual_seed(11)
    for key, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.data += torch.randn_like(parameter) * 0.3
        else:
            scale = 0.7 if any(part in key for part in ("embed", "wte", "wpe", "shared")) else 1.4 / parameter.shape[-1] ** 0.5
            parameter.data = torch.randn_like(parameter) * scale
        parameter.data = parameter.data.to(dtype).float()


@torch.no_grad()
def write_golden(folder, model):
    model.set_attn_implementation("eager")
    rows = []
    for prompt in prompts:
        ids = list(prompt)
        for _ in range(new_tokens):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        rows.append({"prompt": prompt, "greedy": ids[len(prompt):]})
    logits = model(torch.tensor([prompts[1]])).logits[0].float().numpy().astype("<f4")
    golden = {"rows": rows, "logits": base64.b64encode(logits.tobytes()).decode()}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


rope = lambda **settings: {"rope_theta": 10000.0, **settings}

make("llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(**shared)), temperature=0.6, top_p=0.9, do_sample=True)
make("llama-tied-linear", transformers.LlamaForCausalLM(transformers.LlamaConfig(**shared | dict(
    head_dim=16, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, eos_token_id=[0, 7],
    rope_parameters=rope(rope_type="linear", factor=4.0)))), dtype=torch.float16)
make("llama-scaled", transformers.LlamaForCausalLM(transformers.LlamaConfig(**shared | dict(
    head_dim=16, num_hidden_layers=1, rope_parameters=rope(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)))))
make("mistral-window", transformers.MistralForCausalLM(transformers.MistralConfig(**shared | dict(head_dim=16, sliding_window=6))))
make("qwen2", transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**shared | dict(tie_word_embeddings=True))))
make("qwen3", transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**shared | dict(head_dim=16))))
make("gpt2", transformers.GPT2LMHeadModel(transformers.GPT2Config(
    vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0)))
