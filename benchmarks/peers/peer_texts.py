"""What the Python peers share: their arguments, the texts, and the line they print."""

import argparse
import json
import time

from tokenizers import Tokenizer


def read_arguments(default_batch: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", required=True, help='JSONL of {"text": …}')
    parser.add_argument("--model", required=True, help="model directory")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--batch", type=int, default=default_batch)
    parser.add_argument("--cache", help="folder to keep what is made of the model in")
    return parser.parse_args()


def read_texts(path: str) -> list[str]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines if line.strip()]


def count_tokens(model_directory: str, texts: list[str], max_tokens: int) -> int:
    tokenizer = Tokenizer.from_file(f"{model_directory}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts))


class Elapsed(float):
    """Seconds, with those that the process's threads spent on processors meanwhile."""

    processor: float


def measure(encode, texts: list[str]) -> Elapsed:
    """The time it takes to encode all texts, tokenizing included, after a warm-up on a few of them."""
    encode(texts[:16])
    start, processor = time.perf_counter(), time.process_time()
    encode(texts)
    elapsed = Elapsed(time.perf_counter() - start)
    elapsed.processor = time.process_time() - processor
    return elapsed


def print_result(
    peer: str, version: str, seconds: Elapsed, texts: list[str], arguments, measures: dict | None = None, **settings
) -> None:
    tokens = count_tokens(arguments.model, texts, arguments.max_tokens)
    result = {
        "peer": peer,
        "version": version,
        "seconds": round(seconds, 3),
        "documents": len(texts),
        "tokens": tokens,
        "tokensPerSecond": round(tokens / seconds),
        "settings": {"threads": arguments.threads, "batch": arguments.batch, "maxTokens": arguments.max_tokens, **settings},
        "measures": {"µs of CPU for a token": round(seconds.processor / tokens * 1e6), **(measures or {})},
    }
    print(json.dumps(result))
