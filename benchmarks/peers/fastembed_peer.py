"""Measures fastembed on a plain fp32 ONNX export of the model, as make_peer_onnx.py writes it."""

import json
from pathlib import Path

import fastembed
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from peer_texts import measure, print_result, read_arguments, read_texts

arguments = read_arguments(default_batch=16)
texts = read_texts(arguments.texts)
TextEmbedding.add_custom_model(
    model="peer/model",
    pooling=PoolingType.MEAN,
    normalization=True,
    sources=ModelSource(hf="peer/model"),
    dim=json.loads(Path(arguments.model, "config.json").read_text())["hidden_size"],
    model_file="onnx/model.onnx",
)
model = TextEmbedding("peer/model", specific_model_path=arguments.model, threads=arguments.threads, cuda=False)
seconds = measure(lambda some: list(model.embed(some, batch_size=arguments.batch)), texts)
print_result("fastembed", fastembed.__version__, seconds, texts, arguments, precision="fp32")
