"""Writes smollm2-ids.json: token ids that transformers makes of some texts with the tokenizer of a GGUF file.

    pip install gguf==0.19.0 transformers==5.23.0 torch==2.15.0
    python tests/golden/make_smollm2_ids.py SmolLM2-135M-Instruct.Q4_1.gguf && npx biome check --write tests/golden
"""

import json
import pathlib
import sys

import transformers

file = pathlib.Path(sys.argv[1])
tokenizer = transformers.AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
texts = [
    "Hello world",
    "In 1984 there were 12,345 naïve cafés.",
    "don't  stop\n\n\tnow  ",
    "<|im_start|>user\nHi<|im_end|>\n",
    "水は海へ流れる 😀",
    "def f(x):\n    return x**2",
    "",
]
rows = [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in texts]
pathlib.Path(__file__).with_name("smollm2-ids.json").write_text(json.dumps(rows) + "\n")
