"""Measures llama.cpp through llama-cpp-python's low-level interface: all rows in one batch, each a sequence of its own."""

import ctypes

import llama_cpp
import numpy as np
from generation_peer import print_results, read_arguments

arguments = read_arguments()
most = max(arguments.rows)
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(arguments.model.encode(), llama_cpp.llama_model_default_params())
settings = llama_cpp.llama_context_default_params()
settings.n_ctx = max(most * (arguments.short_prompt + arguments.tokens), arguments.prompt) + 64
settings.kv_unified = True
settings.n_batch = settings.n_ubatch = 512
settings.n_seq_max = most
settings.n_threads = settings.n_threads_batch = arguments.threads
context = llama_cpp.llama_init_from_model(model, settings)
width = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))


def run(tokens: list[tuple[int, int, int, bool]]) -> None:
    """Runs (id, position, sequence, wants logits) in one batch."""
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for place, (token, position, sequence, wants_logits) in enumerate(tokens):
        batch.token[place] = token
        batch.pos[place] = position
        batch.n_seq_id[place] = 1
        batch.seq_id[place][0] = sequence
        batch.logits[place] = wants_logits
    assert llama_cpp.llama_decode(context, batch) == 0
    llama_cpp.llama_batch_free(batch)


def best(place: int) -> int:
    logits = llama_cpp.llama_get_logits_ith(context, place)
    return int(np.ctypeslib.as_array(ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), (width,)).argmax())


def generate(prompts: list[list[int]], tokens: int) -> None:
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    last = []
    for sequence, prompt in enumerate(prompts):
        run([(token, place, sequence, place == len(prompt) - 1) for place, token in enumerate(prompt)])
        last.append(best(-1))
    for step in range(tokens - 1):
        run([(token, len(prompts[0]) + step, sequence, True) for sequence, token in enumerate(last)])
        last = [best(place) for place in range(len(last))]


print_results("llama.cpp", llama_cpp.__version__, arguments, generate)
