"""Exports the encoder of a Hugging Face model directory as plain fp32 ONNX and as what transformers.js calls q8, with the
files that fastembed and transformers.js expect around them. Usage: make_peer_onnx.py MODEL_DIRECTORY OUT_DIRECTORY MAX_TOKENS"""

import json
import shutil
import sys
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def export(model_directory: Path, path: Path) -> None:
    model = AutoModel.from_pretrained(model_directory, attn_implementation="eager", dtype=torch.float32).eval()
    ids = torch.ones((2, 16), dtype=torch.int64)
    axes = {0: "batch", 1: "sequence"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        Encoder(model),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(path),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes={name: axes for name in [*names, "last_hidden_state"]},
        opset_version=17,
        dynamo=False,
    )


def copy_tokenizer(model_directory: Path, out: Path, max_tokens: int) -> None:
    for name in ["config.json", "special_tokens_map.json"]:
        if (model_directory / name).exists():
            shutil.copy(model_directory / name, out / name)
    tokenizer = json.loads((model_directory / "tokenizer.json").read_text())
    config = json.loads((model_directory / "tokenizer_config.json").read_text())
    write_json(out / "tokenizer.json", {**tokenizer, "truncation": None, "padding": None})
    write_json(out / "tokenizer_config.json", {**config, "model_max_length": max_tokens})


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def main() -> None:
    model_directory, out, max_tokens = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    copy_tokenizer(model_directory, out, max_tokens)
    export(model_directory, out / "onnx" / "model.onnx")
    quantize_dynamic(out / "onnx" / "model.onnx", out / "onnx" / "model_quantized.onnx", weight_type=QuantType.QInt8)


main()
