"""Writes tiny-bert/<name>/: small random BERT models as the Hugging Face tools save them, each with transformers' own vectors.

    pip install transformers==5.23.0 torch numpy safetensors tokenizers
    python tests/golden/make_tiny_bert.py && npx biome check --write tests/golden

Each model differs from the others in what implementations get wrong: layer norm epsilon, activation, pooling, names,
storage type, sharding. golden.json holds rows of ids and base64 of little-endian float32 vectors, one row after another.
"""

import base64
import json
import pathlib
import random
import shutil
import string

import numpy
import safetensors.torch
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

root = pathlib.Path(__file__).with_name("tiny-bert")
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
vocabulary += list(string.ascii_lowercase + string.digits) + ["##" + letter for letter in string.ascii_lowercase]
vocabulary += list(".,;:!?'-()") + ["the", "of", "and", "to", "##ing", "##er", "water"]


def make(name, *, epsilon, activation, pooling, normalize, legacy=False, prefix="", dtype=torch.float32, shards=1, modules=True, limit=None):
    torch.manual_seed(len(name))
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=56,
        max_position_embeddings=64, hidden_act=activation, layer_norm_eps=epsilon, initializer_range=0.3,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += torch.randn_like(parameter) * 0.3
    model = model.to(dtype).float()
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_weights(folder, model, legacy, prefix, dtype, shards)
    write_json(folder / "config.json", config.to_diff_dict() | {"architectures": ["BertModel"], "model_type": "bert"})
    write_tokenizer(folder, limit)
    if modules:
        write_modules(folder, pooling, normalize, legacy)
    write_golden(folder, model, pooling, normalize)


def write_weights(folder, model, legacy, prefix, dtype, shards):
    tensors = {prefix + name: tensor.to(dtype).contiguous() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    if legacy:
        tensors = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor for name, tensor in tensors.items()}
        tensors[prefix + "embeddings.position_ids"] = torch.arange(64).unsqueeze(0)
        tensors["cls.predictions.bias"] = torch.zeros(len(vocabulary), dtype=dtype)
    if shards == 1:
        safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(tensors)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[shard::shards]}
        safetensors.torch.save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= {name: file for name in part}
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def write_tokenizer(folder, limit):
    tokenizer = Tokenizer(models.WordPiece({token: index for index, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(vocabulary[:5])
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": limit or int(1e30)})


def write_modules(folder, pooling, normalize, legacy):
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")] + ([("2_Normalize", "Normalize")] if normalize else [])
    write_json(folder / "modules.json", [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(kinds)
    ])
    flags = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_max_tokens": False}
    (folder / "1_Pooling").mkdir()
    new = {"embedding_dimension": 32, "pooling_mode": pooling, "include_prompt": True}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32} | flags if legacy else new)


def write_golden(folder, model, pooling, normalize):
    rng = random.Random(7)
    rows = [[2] + [rng.randrange(5, len(vocabulary)) for _ in range(length)] + [3] for length in (0, 1, 2, 5, 13, 30, 62, 62)]
    vectors = []
    with torch.no_grad():
        for row in rows:
            states = model(input_ids=torch.tensor([row])).last_hidden_state[0]
            vector = states[0] if pooling == "cls" else states.mean(dim=0)
            vectors.append(torch.nn.functional.normalize(vector, dim=0) if normalize else vector)
    data = torch.stack(vectors).numpy().astype("<f4").tobytes()
    write_json(folder / "golden.json", {"rows": [" ".join(map(str, row)) for row in rows], "dimensions": 32, "vectors": base64.b64encode(data).decode()})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


make("mean-normalized", epsilon=1e-12, activation="gelu", pooling="mean", normalize=True, legacy=False, limit=48)
make("cls-large-epsilon", epsilon=0.5, activation="relu", pooling="cls", normalize=False)
make("legacy-names-fp16", epsilon=1e-5, activation="gelu_new", pooling="cls", normalize=True, legacy=True, prefix="bert.", dtype=torch.float16)
make("sharded-bf16", epsilon=1e-12, activation="gelu_pytorch_tanh", pooling="mean", normalize=True, dtype=torch.bfloat16, shards=2)
make("bare-encoder", epsilon=0.1, activation="gelu", pooling="mean", normalize=False, modules=False)
