"""What the peers that generate share: their arguments, made-up prompts, and the line they print."""

import argparse
import json
import time
from collections.abc import Callable


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--rows", type=lambda text: [int(part) for part in text.split(",")], required=True)
    return parser.parse_args()


def prompts(rows: int, length: int, first: int) -> list[list[int]]:
    return [[1_000 + first + row * 7 + index * 3 for index in range(length)] for row in range(rows)]


def print_results(
    name: str, version: str, arguments: argparse.Namespace, generate: Callable[[list[list[int]], int], None]
) -> None:
    """Times reading of prompts alone, then with answers; the difference is what the answers take."""

    def timed(rows: int, tokens: int, first: int) -> tuple[float, float]:
        given = prompts(rows, arguments.prompt, first)
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
            "settings": {"threads": arguments.threads, "promptTokens": arguments.prompt, "newTokens": arguments.tokens},
            "measures": {"µs of CPU for a token": round(processor * 1e6 / tokens)},
        }

    timed(1, 2, 1)
    results = []
    for rows in arguments.rows:
        read = timed(rows, 1, 100)
        whole = timed(rows, arguments.tokens, 200)
        if rows == arguments.rows[0]:
            results.append(result("prefill", rows * arguments.prompt, *read))
        decoded = (whole[0] - read[0], whole[1] - read[1])
        results.append(result(f"decode {rows}", rows * (arguments.tokens - 1), *decoded))
    print(json.dumps(results))
