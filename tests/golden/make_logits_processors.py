"""Writes logits-processors.json: what transformers' logits processors make of random logits, and what its warpers keep.

Run with transformers and torch: python tests/golden/make_logits_processors.py
"""

import json
from pathlib import Path

import torch
from transformers.generation import logits_process as processors

VOCABULARY = 48
torch.manual_seed(1)


def scores(options, ids, prompt_length, logits):
    """The processors in the order of GenerationMixin._get_logits_processor."""
    chain = []
    if options.get("repetitionPenalty", 1) != 1:
        chain.append(processors.RepetitionPenaltyLogitsProcessor(options["repetitionPenalty"]))
    if options.get("noRepeatNgramSize", 0) > 0:
        chain.append(processors.NoRepeatNGramLogitsProcessor(options["noRepeatNgramSize"]))
    if options.get("badWords"):
        chain.append(processors.NoBadWordsLogitsProcessor(options["badWords"], eos_token_id=None))
    if options.get("minNewTokens", 0) > 0:
        chain.append(
            processors.MinNewTokensLengthLogitsProcessor(prompt_length, options["minNewTokens"], options["stopIds"])
        )
    if options.get("temperature", 0) > 0:
        chain.append(processors.TemperatureLogitsWarper(float(options["temperature"])))
    if options.get("topK", 0) > 0:
        chain.append(processors.TopKLogitsWarper(options["topK"]))
    if options.get("topP", 1) < 1:
        chain.append(processors.TopPLogitsWarper(options["topP"]))
    if options.get("minP", 0) > 0:
        chain.append(processors.MinPLogitsWarper(options["minP"]))
    result = logits
    for processor in chain:
        result = processor(ids, result)
    return result


CASES = [
    {},
    {"repetitionPenalty": 1.3},
    {"repetitionPenalty": 0.7},
    {"noRepeatNgramSize": 1},
    {"noRepeatNgramSize": 2},
    {"noRepeatNgramSize": 3},
    {"badWords": [[3], [5, 7], [2, 4, 6], [1, 2, 1, 9]]},
    {"minNewTokens": 6, "stopIds": [0, 11]},
    {"minNewTokens": 3, "stopIds": [0, 11]},
    {"temperature": 0.7},
    {"temperature": 1.5, "topK": 5},
    {"temperature": 1.0, "topK": 1},
    {"temperature": 1.0, "topP": 0.9},
    {"temperature": 0.4, "topP": 0.5},
    {"temperature": 1.0, "topP": 0.01},
    {"temperature": 1.0, "minP": 0.1},
    {"temperature": 0.8, "topK": 20, "topP": 0.95, "minP": 0.02},
    {
        "repetitionPenalty": 1.1,
        "noRepeatNgramSize": 2,
        "badWords": [[5, 7], [3]],
        "minNewTokens": 8,
        "stopIds": [1],
        "temperature": 0.9,
        "topK": 12,
        "topP": 0.9,
    },
]

PROMPT_LENGTH = 6
rows = []
for options in CASES:
    for _ in range(3):
        # Few different ids, so that runs of them repeat.
        ids = torch.randint(0, 8, (1, PROMPT_LENGTH + 4))
        ids[0, -1] = 5
        logits = torch.randn(1, VOCABULARY) * 3
        rounded = torch.tensor(logits.numpy().round(4))
        result = scores(options, ids, PROMPT_LENGTH, rounded.clone())[0]
        rows.append(
            {
                "options": options,
                "ids": ids[0].tolist(),
                "logits": [round(value, 4) for value in rounded[0].tolist()],
                "expected": [None if value == float("-inf") else round(value, 5) for value in result.tolist()],
            }
        )

target = Path(__file__).parent / "logits-processors.json"
target.write_text(json.dumps({"promptLength": PROMPT_LENGTH, "rows": rows}).replace('{"options"', '\n{"options"') + "\n")
