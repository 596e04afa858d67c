"""Writes tiny-classifiers/<name>/: small random encoders with heads as transformers saves them, each with its own logits.

    pip install transformers==5.23.0 torch==2.15.0
    python tests/golden/make_tiny_classifiers.py [name ...] && npx biome check --write tests/golden

golden.json holds rows of token ids, which of two texts each token is of, and what transformers makes of each.
"""

import json
import pathlib
import shutil
import sys

import safetensors.torch
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

root = pathlib.Path(__file__).with_name("tiny-classifiers")
vocabulary = 64
rows = [
    {"ids": [2, 17, 40, 23, 3], "segments": [0, 0, 0, 0, 0]},
    {"ids": [2, 31, 9, 3, 60, 44, 12, 3], "segments": [0, 0, 0, 0, 1, 1, 1, 1]},
]


def make(name, model):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(17)
    for parameter in model.parameters():
        noise = torch.randn_like(parameter)
        parameter.data = (parameter.data + noise * 0.3 if parameter.dim() == 1 else noise * 1.3 / parameter.shape[-1] ** 0.5)
        parameter.data = parameter.data.bfloat16().float()
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    tensors = {key: tensor.bfloat16() for key, tensor in safetensors.torch.load_file(path).items()}
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    tokenizer = Tokenizer(models.WordLevel({f"t{index}": index for index in range(vocabulary)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "golden.json").write_text(json.dumps([row | {"logits": logits_of(model.eval(), row)} for row in rows]) + "\n")


@torch.no_grad()
def logits_of(model, row):
    segments = {"token_type_ids": torch.tensor([row["segments"]])} if model.config.model_type == "bert" else {}
    output = model(input_ids=torch.tensor([row["ids"]]), **segments)
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits[0], output.end_logits[0]], -1).flatten().tolist()
    return output.logits[0].flatten().tolist()


sizes = dict(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=40, max_position_embeddings=24)
names = {0: "contradiction", 1: "neutral", 2: "entailment"}
make("bert-sequence", transformers.BertForSequenceClassification(transformers.BertConfig(**sizes, id2label=names)))
make("bert-answers", transformers.BertForQuestionAnswering(transformers.BertConfig(**sizes)))
make("roberta-sequence", transformers.RobertaForSequenceClassification(transformers.RobertaConfig(
    **sizes, id2label={0: "joy", 1: "anger"}, problem_type="multi_label_classification", type_vocab_size=1)))
make("distilbert-sequence", transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(
    vocab_size=vocabulary, dim=32, n_layers=1, n_heads=4, hidden_dim=40, max_position_embeddings=24)))
make("distilbert-tokens", transformers.DistilBertForTokenClassification(transformers.DistilBertConfig(
    vocab_size=vocabulary, dim=32, n_layers=1, n_heads=4, hidden_dim=40, max_position_embeddings=24, id2label={0: "O", 1: "B-PER", 2: "I-PER"})))
