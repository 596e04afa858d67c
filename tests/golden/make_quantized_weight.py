"""Writes quantized-weight.json: a small weight and what numpy makes of it, quantised to int8 column by column.

    pip install numpy
    python tests/golden/make_quantized_weight.py && npx biome check --write tests/golden

The scales are the smallest that keep every value within ±127 and every sum of two values in rows 2i, 2i + 1 within ±128.
Rounding is checked by exhaustion: of all roundings up or down that keep the pair within its limit, the nearest to the
exact pair is the expected one.
"""

import itertools
import json
import math
import pathlib

import numpy

rows, columns = 9, 8
random = numpy.random.default_rng(7)
weight = random.normal(size=(rows, columns)).astype(numpy.float32)
weight[:, 1] = numpy.abs(weight[:, 1])
weight[2:4, 2] = [3, 2.9]
weight[2:4, 3] = [-3, 3]
weight[:, 4] = 0
weight[4:6, 5] = [-1.7, -1.6]
weight[:, 6] *= 1e-6
weight[8, 7] = 9


def nearest(pair):
    choices = [(math.floor(value), math.ceil(value)) for value in pair]
    allowed = [choice for choice in itertools.product(*choices) if abs(sum(choice)) <= 128 and max(map(abs, choice)) <= 127]
    return min(allowed, key=lambda choice: sum((a - b) ** 2 for a, b in zip(choice, pair)))


def quantize(column):
    exact = [float(value) for value in column]
    pairs = [exact[index : index + 2] for index in range(0, rows, 2)]
    scale = float(numpy.float32(max(max(map(abs, exact)) / 127, max(abs(sum(p)) / 128 for p in pairs if len(p) == 2)))) or 1.0
    return scale, [value for pair in pairs for value in nearest([value / scale for value in pair])]


results = [quantize(weight[:, index]) for index in range(columns)]
fixture = {
    "rows": rows,
    "columns": columns,
    "weight": [float(value) for value in weight.ravel()],
    "scales": [scale for scale, _ in results],
    "values": [int(results[index % columns][1][index // columns]) for index in range(rows * columns)],
}
pathlib.Path(__file__).with_name("quantized-weight.json").write_text(json.dumps(fixture) + "\n")
