"""Measures transformers' generate with torch on the CPU, on the GGUF file's weights in fp32."""

import os

import torch
import transformers
from generation_peer import print_results, read_arguments

arguments = read_arguments()
torch.set_num_threads(arguments.threads)
folder, file = os.path.split(arguments.model)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)


def generate(prompts: list[list[int]], tokens: int) -> None:
    ids = torch.tensor(prompts)
    model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        pad_token_id=0,
    )


print_results("transformers fp32", f"{transformers.__version__}, torch {torch.__version__}", arguments, generate)
