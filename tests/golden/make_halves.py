"""Writes halves.json: bits of float32 numbers and of the float16 that numpy rounds them to. usage: make_halves.py"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(7)
every_half = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
finite = np.unique(every_half[np.isfinite(every_half)])
some = rng.choice(finite, 300)
above = np.nextafter(some, np.float32(np.inf), dtype=np.float32)
ties = ((finite[:-1].astype(np.float64) + finite[1:].astype(np.float64)) / 2).astype(np.float32)[::257]
edges = [0.0, -0.0, 2**-24, 2**-25, np.nextafter(np.float32(2**-25), np.float32(1)), 65504, 65519.99, 65520, -65520, 1e9, 1e-30, np.inf]
bits = rng.integers(0, 2**32, 300, dtype=np.uint32).view(np.float32)
numbers = np.concatenate([some, above, ties, np.nextafter(ties, np.float32(0)), np.array(edges, np.float32), bits[np.isfinite(bits)]])
with np.errstate(over="ignore"):
    halves = numbers.astype(np.float16)
path = pathlib.Path(__file__).parent / "halves.json"
path.write_text(json.dumps({"floats": numbers.view(np.uint32).tolist(), "halves": halves.view(np.uint16).tolist()}) + "\n")
