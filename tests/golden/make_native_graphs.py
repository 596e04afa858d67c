"""Writes the graphs that tests/native runs. Needs onnx and numpy.

slow: y = tanh(x W) again and again, `steps` times. attention: one step of grouped-query attention over a cache.
formats: each number format comes out as it went in. future: a version of the operators that does not exist.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

folder = Path(__file__).parent / "native"
heads, kv_heads, width = 4, 2, 64
value = helper.make_tensor_value_info


def save(name, graph, opset=21):
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def slow():
    weights = np.random.default_rng(1).standard_normal((48, 48), np.float32) / 7
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_in"], ["go_out"]),
            helper.make_node("MatMul", ["x_in", "w"], ["product"]),
            helper.make_node("Tanh", ["product"], ["x_out"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("go_in", TensorProto.BOOL, []), value("x_in", TensorProto.FLOAT, [None, 48])],
        [value("go_out", TensorProto.BOOL, []), value("x_out", TensorProto.FLOAT, [None, 48])],
    )
    return helper.make_graph(
        [helper.make_node("Loop", ["steps", "", "x"], ["y"], body=body)],
        "slow",
        [value("steps", TensorProto.INT64, []), value("x", TensorProto.FLOAT, ["rows", 48])],
        [value("y", TensorProto.FLOAT, ["rows", 48])],
        [numpy_helper.from_array(weights, "w")],
    )


def attention():
    inputs = ["query", "key", "value", "past_key", "past_value", "lengths", "total"]
    node = helper.make_node(
        "GroupQueryAttention",
        inputs,
        ["output", "present_key", "present_value"],
        domain="com.microsoft",
        num_heads=heads,
        kv_num_heads=kv_heads,
    )
    step = lambda name, count: value(name, TensorProto.FLOAT, ["batch", "steps", count * width])
    cache = lambda name, length: value(name, TensorProto.FLOAT, ["batch", kv_heads, length, width])
    return helper.make_graph(
        [node],
        "attention",
        [
            step("query", heads),
            step("key", kv_heads),
            step("value", kv_heads),
            cache("past_key", "past"),
            cache("past_value", "past"),
            value("lengths", TensorProto.INT32, ["batch"]),
            value("total", TensorProto.INT32, [1]),
        ],
        [step("output", heads), cache("present_key", "present"), cache("present_value", "present")],
    )


def formats():
    names = ["FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT64", "INT32", "INT16", "INT8"]
    names += ["UINT64", "UINT32", "UINT16", "UINT8", "BOOL"]
    types = [getattr(TensorProto, name) for name in names]
    texts = {"FLOAT": "float32", "DOUBLE": "float64"}
    plain = [texts.get(name, name.lower()) for name in names]
    return helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in plain],
        "formats",
        [value(name, kind, ["n", "m"]) for name, kind in zip(plain, types)],
        [value(f"{name}_out", kind, ["n", "m"]) for name, kind in zip(plain, types)],
    )


save("slow", slow())
save("attention", attention())
save("formats", formats())
save("future", slow(), opset=999)
