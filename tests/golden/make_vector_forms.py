"""Writes vector-forms.json: vectors, and what numpy and sentence-transformers make of them in each form of a store.

    pip install sentence-transformers==6.2.0 numpy
    python tests/golden/make_vector_forms.py

The ranges of int8 are those that let whole numbers begin half a step below their own, from −128 to 127, for each step.
"""

import base64
import json
import pathlib

import numpy
from sentence_transformers.util import quantize_embeddings

random = numpy.random.default_rng(7)
rows, dimensions = 24, 20
vectors = random.standard_normal((rows, dimensions)).astype("<f4")
vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
steps = [numpy.float32(0.7 / 127), numpy.float32(2.0**-9 / 127), numpy.float32(1)]
# What lies on the edge of a bucket, just beside it, beyond the range, and on either side of zero.
edges = (numpy.arange(-140, 140, 14, dtype="<f4") + numpy.float32(0.5)) * steps[0]
vectors[0] = edges
vectors[1] = numpy.nextafter(edges, numpy.float32(9), dtype="<f4")
vectors[2] = numpy.array([0.0, -0.0, 1e-45, -1e-45, 65504, -65504, 6e-8, -3e-8, 1, -1] * 2, "<f4")
vectors[3] *= 200


def text(array):
    return base64.b64encode(array.tobytes()).decode()


def ranges(step):
    ends = [[numpy.float32(-128.5 * float(step))], [numpy.float32(126.5 * float(step))]]
    return numpy.array(ends, "<f4") @ numpy.ones((1, dimensions), "<f4")


forms = {
    "dimensions": dimensions,
    "float32": text(vectors),
    "float16": text(vectors.astype("<f2")),
    "int8": [{"step": float(step), "held": text(quantize_embeddings(vectors, "int8", ranges=ranges(step)))} for step in steps],
    "binary": text(quantize_embeddings(vectors, "ubinary")),
}
pathlib.Path(__file__).with_name("vector-forms.json").write_text(json.dumps(forms, indent=1) + "\n")
