"""transformers on the same GPU with the same random weights, fp16, copies included: rates at the same shapes, and vectors.

usage: peer.py TASK.json   prints JSON; TASK: {"model": folder, "shapes": [[rows, length], …], "seconds": n, "gpu": 0 or null, "ids": [[…], …]}
"""
import base64
import json
import sys
import time

import torch
import transformers

task = json.load(open(sys.argv[1]))
device = "cpu" if task["gpu"] is None else f"cuda:{task['gpu']}"
half = torch.float16 if device != "cpu" else torch.float32
model = transformers.BertModel.from_pretrained(task["model"], attn_implementation="sdpa", add_pooling_layer=False)
model = model.to(half).to(device).eval()


def encode(ids):
    with torch.inference_mode():
        moved = ids.to(device, non_blocking=True)
        states = model(input_ids=moved, attention_mask=torch.ones_like(moved)).last_hidden_state
        return torch.nn.functional.normalize(states.float().mean(1), dim=1).cpu()


rates = []
for rows, length in task["shapes"]:
    ids = torch.arange(rows * length).reshape(rows, length) * 7919 % model.config.vocab_size
    encode(ids), encode(ids)
    start, runs = time.perf_counter(), 0
    while time.perf_counter() < start + task["seconds"]:
        encode(ids)
        runs += 1
    seconds = time.perf_counter() - start
    rates.append({"rows": rows, "length": length, "runs": runs, "tokensPerSecond": round(runs * rows * length / seconds)})
vectors = [base64.b64encode(encode(torch.tensor([row])).numpy().tobytes()).decode() for row in task["ids"]]
versions = {"torch": torch.__version__, "transformers": transformers.__version__}
print(json.dumps({"device": device, "versions": versions, "rates": rates, "vectors": vectors}))
