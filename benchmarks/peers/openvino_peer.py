"""Measures OpenVINO in int8 the way it is fastest on a CPU: quantised by NNCF (SmoothQuant and bias correction), pooling
in the graph, rows of equal length together so that nothing is padded, one stream per core. The quantised model is kept
beside `--cache`, calibrated with the first of the texts."""

from collections import defaultdict
from pathlib import Path

import nncf
import numpy
import openvino
import torch
from peer_texts import measure, print_result, read_arguments, read_texts
from tokenizers import Tokenizer
from transformers import AutoModel

CALIBRATION_TEXTS = 128
COMPARED_TEXTS = 100


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        states = self.model(input_ids=ids, attention_mask=None).last_hidden_state
        return torch.nn.functional.normalize(states.mean(dim=1), dim=1)


arguments = read_arguments(default_batch=768)
texts = read_texts(arguments.texts)
tokenizer = Tokenizer.from_file(f"{arguments.model}/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(arguments.max_tokens)


def tokenize(some):
    return [encoding.ids for encoding in tokenizer.encode_batch(some)]


def convert():
    model = AutoModel.from_pretrained(arguments.model, attn_implementation="sdpa", dtype=torch.float32).eval()
    example = torch.ones((2, 16), dtype=torch.int64)
    return openvino.convert_model(Encoder(model), example_input=example, input=openvino.PartialShape([-1, -1]))


def quantize(exact):
    rows = [numpy.array([ids], dtype=numpy.int64) for ids in tokenize(texts[:CALIBRATION_TEXTS])]
    return nncf.quantize(
        exact,
        nncf.Dataset(rows, lambda row: {0: row}),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=CALIBRATION_TEXTS,
        fast_bias_correction=True,
    )


def compiled(model):
    settings = {"NUM_STREAMS": arguments.threads, "INFERENCE_NUM_THREADS": arguments.threads}
    return openvino.Core().compile_model(model, "CPU", settings)


def encode_with(model):
    queue = openvino.AsyncInferQueue(model, arguments.threads * 2)

    def encode(some):
        vectors = numpy.empty((len(some), 384), dtype=numpy.float32)

        def keep(request, rows):
            vectors[rows] = request.get_output_tensor().data

        queue.set_callback(keep)
        by_length = defaultdict(list)
        ids = tokenize(some)
        for row, tokens in enumerate(ids):
            by_length[len(tokens)].append(row)
        for length in sorted(by_length, reverse=True):
            step = max(1, arguments.batch // length)
            rows = by_length[length]
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                queue.start_async({0: numpy.array([ids[row] for row in part], dtype=numpy.int64)}, part)
        queue.wait_all()
        return vectors

    return encode


exact = convert()
place = Path(arguments.cache, "openvino-int8.xml")
if not place.exists():
    place.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantize(exact), place, compress_to_fp16=False)
encode = encode_with(compiled(openvino.Core().read_model(place)))
seconds = measure(encode, texts)
sample = texts[CALIBRATION_TEXTS : CALIBRATION_TEXTS + COMPARED_TEXTS] or texts
cosine = float((encode(sample) * encode_with(compiled(exact))(sample)).sum(axis=1).mean())
print_result(
    "OpenVINO",
    openvino.__version__.split("-")[0],
    seconds,
    texts,
    arguments,
    measures={"cosine to fp32": round(cosine, 4)},
    precision="int8",
    nncf=nncf.__version__,
)
