"""Writes tiny-beams.json: what transformers' beam search makes of prompts, for some of the tiny models beside it.

    pip install transformers==5.23.0 torch==2.15.0
    python tests/golden/make_tiny_beams.py && npx biome check --write tests/golden

Each model has cases: options under transformers' names, and of each prompt the answers, best first, without the token that
ends them, with their scores. Tokens that end an answer are chosen among those that greedy search comes by.
"""

import json
import pathlib

import torch
import transformers

root = pathlib.Path(__file__).parent
models = {
    "tiny-decoders/llama": transformers.AutoModelForCausalLM,
    "tiny-decoders/gpt2": transformers.AutoModelForCausalLM,
    "tiny-sequences/t5": transformers.AutoModelForSeq2SeqLM,
    "tiny-sequences/bart": transformers.AutoModelForSeq2SeqLM,
    "tiny-sequences/marian": transformers.AutoModelForSeq2SeqLM,
}
prompts = [[5, 17, 4, 88, 23, 9, 60], [33, 33, 8, 13, 21, 34, 55], [90, 1]]


def cases(common, others, is_beside):
    ends = {"eos_token_id": common}
    yield {"num_beams": 2, "max_new_tokens": 12, "eos_token_id": others}
    yield {"num_beams": 5, "max_new_tokens": 12, "early_stopping": True, "min_new_tokens": 2, "eos_token_id": others}
    yield {"num_beams": 4, "max_new_tokens": 14, "length_penalty": 2.0, "early_stopping": True, **ends}
    yield {"num_beams": 4, "max_new_tokens": 14, "length_penalty": 0.4, "num_return_sequences": 3, **ends}
    never = {"early_stopping": "never", "num_return_sequences": 2, "eos_token_id": common + others}
    yield {"num_beams": 3, "max_new_tokens": 14, "length_penalty": 1.5, **never}
    yield {"num_beams": 2, "max_new_tokens": 14, "length_penalty": -0.5, **never}
    changed = {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3, "min_new_tokens": 5, "bad_words_ids": [[7], [9, 4], [60]]}
    yield {"num_beams": 4, "max_new_tokens": 12, **changed, **ends}
    if is_beside:
        forced = {"forced_bos_token_id": 11, "forced_eos_token_id": common[0], "renormalize_logits": True}
        yield {"num_beams": 4, "max_new_tokens": 8, "no_repeat_ngram_size": 1, **forced, **ends}


@torch.no_grad()
def answers(model, prompt, options):
    ends = options["eos_token_id"]
    found = model.generate(
        torch.tensor([prompt]), generation_config=transformers.GenerationConfig(
            do_sample=False, use_cache=False, pad_token_id=ends[0], return_dict_in_generate=True, output_scores=True,
            decoder_start_token_id=model.generation_config.decoder_start_token_id, **options))
    begun = 1 if model.config.is_encoder_decoder else len(prompt)
    for ids, score, beams in zip(found.sequences, found.sequences_scores, found.beam_indices):
        own = ids[begun:begun + int((beams >= 0).sum())].tolist()
        yield {"ids": own[:-1] if own[-1] in ends else own, "score": round(float(score), 6)}


def greedy(model, prompt):
    options = dict(do_sample=False, use_cache=False, max_new_tokens=12, pad_token_id=0, eos_token_id=95)
    start = model.generation_config.decoder_start_token_id
    config = transformers.GenerationConfig(decoder_start_token_id=start, **options)
    return model.generate(torch.tensor([prompt]), generation_config=config)[0].tolist()[-12:]


written = {}
for name, auto in models.items():
    model = auto.from_pretrained(root / name, dtype=torch.float32, attn_implementation="eager").eval()
    rows = [greedy(model, prompt) for prompt in prompts]
    common = sorted({rows[0][4], rows[1][6]})
    others = [next((id for row in reversed(rows) for id in reversed(row) if id not in common), 50)]
    written[name] = [
        {"options": options, "answers": [list(answers(model, prompt, options)) for prompt in prompts]}
        for options in cases(common, others, model.config.is_encoder_decoder)
    ]
(root / "tiny-beams.json").write_text(json.dumps({"prompts": prompts, "models": written}) + "\n")
