"""Measures sentence-transformers with torch on the CPU. It sorts the texts by length itself."""

import sentence_transformers
import torch
from peer_texts import measure, print_result, read_arguments, read_texts

arguments = read_arguments(default_batch=8)
torch.set_num_threads(arguments.threads)
texts = read_texts(arguments.texts)
model = sentence_transformers.SentenceTransformer(arguments.model, device="cpu")
model.max_seq_length = arguments.max_tokens
seconds = measure(lambda some: model.encode(some, batch_size=arguments.batch, normalize_embeddings=True), texts)
version = f"{sentence_transformers.__version__}, torch {torch.__version__}"
print_result("sentence-transformers", version, seconds, texts, arguments, precision="fp32")
