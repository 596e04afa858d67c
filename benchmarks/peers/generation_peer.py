"""What the peers that generate share: their arguments, made-up prompts, and the line they print."""

import argparse
import json
import time
from collections.abc import Callable


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prompt", type=int, required=True, help="tokens of the prompt that reading is measured with")
    parser.add_argument("--short-prompt", type=int, required=True, help="tokens before each answer")
    parser.add_argument("--tokens", type=int, required=True, help="tokens of an answer")
    parser.add_argument("--rows", type=lambda text: [int(part) for part in text.split(",")], required=True)
    return parser.parse_args()


def prompts(rows: int, length: int, first: int) -> list[list[int]]:
    return [[1_000 + first + row * 7 + index * 3 for index in range(length)] for row in range(rows)]


def print_results(
    name: str, version: str, arguments: argparse.Namespace, generate: Callable[[list[list[int]], int], None]
) -> None:
    """Times a long prompt alone, and short prompts without answers and with: the difference is what the answers take."""

    def timed(given: list[list[int]], tokens: int) -> tuple[float, float]:
        start, processor = time.perf_counter(), time.process_time()
        generate(given, tokens)
        return time.perf_counter() - start, time.process_time() - processor

    def result(what: str, tokens: int, seconds: float, processor: float) -> dict[str, object]:
        return {
            "peer": f"{name} {what}",
            "version": version,
            "tokens": tokens,
            "seconds": round(seconds, 3),
            "tokensPerSecond": round(tokens / seconds),
            "settings": {
                "threads": arguments.threads,
                "promptTokens": arguments.prompt,
                "shortPrompt": arguments.short_prompt,
                "newTokens": arguments.tokens,
            },
            "measures": {"µs of CPU for a token": round(processor * 1e6 / tokens)},
        }

    results = []
    for rows in arguments.rows:
        timed(prompts(rows, arguments.short_prompt, 1), 2)
        begun = timed(prompts(rows, arguments.short_prompt, 100), 1)
        whole = timed(prompts(rows, arguments.short_prompt, 200), arguments.tokens)
        decoded = (whole[0] - begun[0], whole[1] - begun[1])
        results.append(result(f"decode {rows}", rows * (arguments.tokens - 1), *decoded))
    read = timed(prompts(1, arguments.prompt, 300), 1)
    results.append(result("prefill", arguments.prompt, *read))
    print(json.dumps(results))
