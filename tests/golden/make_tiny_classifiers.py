"""Writes tiny-classifiers/<name>/: small random encoders with heads as transformers saves them, each with its own logits.

    pip install transformers==5.23.0 torch==2.15.0
    python tests/golden/make_tiny_classifiers.py [name ...] && npx biome check --write tests/golden

golden.json holds rows of token ids, which of two texts each token is of, and what transformers makes of each;
tasks.json holds texts and what transformers' pipelines make of them. Offsets are in UTF-16 units, as JavaScript counts.
"""

import json
import pathlib
import shutil
import sys

import safetensors.torch
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers.pipelines.document_question_answering import select_starts_ends
from transformers.pipelines.token_classification import AggregationStrategy

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
    tokenizer = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]",
                                                model_input_names=["input_ids", "attention_mask"] + ["token_type_ids"] * (model.config.model_type == "bert"))
    # What a tokenizer sets on its own to cut and pad texts is not to be saved, so it comes after.
    (folder / "tasks.json").write_text(json.dumps(tasks_of(model.eval(), fast)) + "\n")
    (folder / "golden.json").write_text(json.dumps([row | {"logits": logits_of(model.eval(), row)} for row in rows]) + "\n")


def make_tokenizer():
    """Words t4 … t55, each of which may go on with x0 … x7, as tokens of their own."""
    words = ["[UNK]", "[PAD]", "[CLS]", "[SEP]"] + [f"t{index}" for index in range(4, vocabulary - 8)] + [f"##x{index}" for index in range(8)]
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def words(count, seed):
    return " ".join(f"t{4 + (seed * 13 + index * index * 5 + index) % 52}" + (f"x{(seed + index) % 8}" if index % 3 == seed % 3 else "") for index in range(count))


texts = ["t17 t40x3 t23", "😀 t9 t31x1x2 é t44", words(10, 3), words(45, 5)]


def tasks_of(model, tokenizer):
    """What pipelines make of texts, cut at the model's limit or in windows."""
    tokenizer.model_max_length = 22
    architecture = type(model).__name__
    if "Token" in architecture:
        tokenizer.model_max_length = 12
        pipeline = transformers.pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple", stride=4)
        return {"maxTokens": 12, "overlap": 4, "texts": [{"text": text, "entities": entities_of(pipeline, text)} for text in texts],
                "drawn": drawn_entities(pipeline)}
    if "Question" in architecture:
        return {"maxTokens": 16, "overlap": 5, "maxAnswerTokens": 4, "questions": [
            {"question": question, "context": context, "allowsNone": allows_none, "answers": answers_of(model, tokenizer, (question, context), allows_none)}
            for question in ("t31 t9", "t7x2") for context in texts for allows_none in (False, True)]}
    model.config.label2id = {label: index for index, label in (model.config.id2label or {}).items()}
    pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, truncation=True)
    tasks = {"maxTokens": tokenizer.model_max_length, "texts": [{"text": text, "labels": pipeline([text])[0]} for text in texts]}
    if "entailment" in model.config.label2id:
        tasks["hypotheses"] = hypotheses_of(transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer))
    return tasks


def hypotheses_of(pipeline):
    labels = ["t20", "t21 t22", "t30x4"]
    template = "t9 {} t11"
    results = [(text, multi, pipeline(text, labels, hypothesis_template=template, multi_label=multi)) for text in texts for multi in (False, True)]
    return {"labels": labels, "template": template, "texts": [
        {"text": text, "isMultiLabel": multi, "labels": [{"label": label, "score": score} for label, score in zip(result["labels"], result["scores"])]}
        for text, multi, result in results]}


def units(text, offset):
    return len(text[:offset].encode("utf-16-le")) // 2


def entities_of(pipeline, text):
    return [{"label": entity["entity_group"], "start": units(text, entity["start"]), "end": units(text, entity["end"]), "score": float(entity["score"])}
            for entity in pipeline(text)]


def drawn_entities(pipeline, tokens=60):
    """What the pipeline makes of logits that were drawn, each token two characters long and one apart."""
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
    pipeline.model.config.id2label = dict(enumerate(labels))
    logits = (torch.randn(tokens, len(labels), generator=torch.Generator().manual_seed(3)) * 2).round(decimals=1)
    scores = logits.softmax(-1).numpy()
    parts = [{"word": f"t{index}", "scores": scores[index], "start": index * 3, "end": index * 3 + 2, "index": index, "is_subword": False} for index in range(tokens)]
    entities = pipeline.aggregate(parts, AggregationStrategy.SIMPLE)
    kept = [{"label": entity["entity_group"], "start": entity["start"], "end": entity["end"], "score": float(entity["score"])} for entity in entities]
    return {"labels": labels, "logits": [round(value, 1) for value in logits.flatten().tolist()],
            "entities": [entity for entity in kept if entity["label"] != "O"]}


@torch.no_grad()
def answers_of(model, tokenizer, pair, allows_none, top=3):
    """As the pipeline of transformers 4 did, by the two functions of it that are left; equal spans count once."""
    context = pair[1]
    cut = tokenizer(*pair, truncation="only_second", max_length=16, stride=5, return_overflowing_tokens=True)
    answers, least = {}, 1000000
    for index, ids in enumerate(cut["input_ids"]):
        encoding = cut.encodings[index]
        output = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([cut["token_type_ids"][index]]))
        mask = [0 if place == 0 or side == 1 else 1 for place, side in enumerate(encoding.sequence_ids)]
        starts, ends, scores, least = select_starts_ends(
            output.start_logits.numpy(), output.end_logits.numpy(), [mask], None, least, top, allows_none, 4)
        for start, end, score in zip(starts, ends, scores):
            first = encoding.word_to_chars(encoding.token_to_word(start), 1)[0]
            last = encoding.word_to_chars(encoding.token_to_word(end), 1)[1]
            answers[first, last] = max(score.item(), answers.get((first, last), 0))
    if allows_none:
        answers[0, 0] = least
    best = sorted(answers.items(), key=lambda answer: -answer[1])[:top]
    return [{"start": units(context, start), "end": units(context, end), "score": score} for (start, end), score in best]


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
