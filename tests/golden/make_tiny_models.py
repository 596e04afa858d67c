"""Writes tiny-models/<name>/: small random models as sentence-transformers saves them, each with its own vectors.

    pip install sentence-transformers==6.2.0 transformers==5.24.0 torch==2.15.0 model2vec==0.10.0 onnx==1.23.2 onnxruntime
    python tests/golden/make_tiny_models.py [name ...]

texts.json holds texts from one token to more than any model takes, in several scripts, and each model's golden.json what
SentenceTransformer.encode gives for each alone: base64 of little-endian float32 vectors, one text after another.
`queries` and `documents` are those of encode_query and encode_document, where they differ.
"""

import base64
import json
import pathlib
import random
import shutil
import sys

import numpy
import onnx
import onnxruntime
import safetensors.torch
import torch
import transformers
from model2vec import StaticModel
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling, StaticEmbedding
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

root = pathlib.Path(__file__).with_name("tiny-models")
lines = [
    "a",
    "Water",
    "The river runs to the sea.",
    "HOW do I cancel a Request?  (twice, please)\n\tfor (let i = 0; i < 12; i += 1) cancel(i)",
    "水は海へ流れる。川の長さは三百キロメートルです。",
    "Вода течёт к морю, а река длинная.",
    "الماء يجري إلى البحر",
    "É déjà l'été : naïve café, Ünïcödé ﬁne 😀🏽",
    "the water of the river and the water of the sea " * 3,
    "This long text is cut at the end, where the model takes no more of it. " * 24,
]


def make(name, encoder, *, tokenizer, head, limit=64, dtype=torch.float32, prefix="", side="right", **settings):
    """`head`: modules after the encoder, or none where the directory shall have no modules.json."""
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = wrap(tokenizer, limit, side)
    randomize(encoder, dtype)
    encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    chain = [Transformer(str(folder), model_kwargs={"dtype": torch.float32})] + (head or [])
    if head is None:
        model = SentenceTransformer(str(folder), model_kwargs={"dtype": torch.float32}, device="cpu")
    else:
        for module in head:
            randomize(module, torch.float32)
        model = SentenceTransformer(modules=chain, device="cpu", **settings)
        shutil.rmtree(folder)
        model.save(str(folder), create_model_card=False)
    rewrite(folder / "model.safetensors", dtype, prefix)
    write_golden(folder, model)


def randomize(module, dtype):
    """Large weights, so that no part is without effect, which `dtype` holds exactly."""
    torch.manual_seed(7)
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1:
            parameter.data += torch.randn_like(parameter) * 0.3
        else:
            parameter.data = torch.randn_like(parameter) * (1.0 if "embed" in name else 1.6 / parameter.shape[-1] ** 0.5)
        parameter.data = parameter.data.to(dtype).float()


def rewrite(path, dtype, prefix):
    tensors = safetensors.torch.load_file(path)
    floats = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    safetensors.torch.save_file({prefix + name: tensor for name, tensor in floats.items()}, path, metadata={"format": "pt"})


def write_golden(folder, model, **encode):
    vectors = [torch.tensor(model.encode([text], **encode)[0]) for text in lines]
    data = torch.stack(vectors).float().numpy().astype("<f4").tobytes()
    golden = {"dimensions": len(vectors[0]), "vectors": base64.b64encode(data).decode()}
    for name, encoder in (("queries", model.encode_query), ("documents", model.encode_document)):
        others = torch.stack([torch.tensor(encoder([text])[0]) for text in lines])
        if not torch.equal(others, torch.stack(vectors)):
            golden[name] = base64.b64encode(others.numpy().astype("<f4").tobytes()).decode()
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    for junk in ("README.md", ".gitattributes", "special_tokens_map.json"):
        (folder / junk).unlink(missing_ok=True)


def wrap(tokenizer, limit, side="right"):
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    if tokenizer.token_to_id("[CLS]") is None:
        names = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, truncation_side=side, **names)


def around(tokenizer, single):
    names = [name for name in single.split() if not name.startswith("$")]
    ids = [(name, tokenizer.token_to_id(name)) for name in dict.fromkeys(names)]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=ids)
    return tokenizer


def word_pieces():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=280, special_tokens=special, show_progress=False))
    tokenizer.decoder = decoders.WordPiece()
    return around(tokenizer, "[CLS] $A [SEP]")


def byte_pairs(single="<s> $A </s>"):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    )
    return around(tokenizer, single)


def unigrams():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        lines, trainers.UnigramTrainer(vocab_size=260, special_tokens=special, unk_token="<unk>", show_progress=False)
    )
    return around(tokenizer, "<s> $A </s>")


sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)


def bert(**settings):
    config = transformers.BertConfig(vocab_size=280, max_position_embeddings=64, **(sizes | settings))
    return transformers.BertModel(config, add_pooling_layer=False).eval()


def bert_heads():
    tokenizer = word_pieces()
    pooling = lambda *modes: Pooling(32, modes)
    make("pool-cls-mean-max", bert(), tokenizer=tokenizer, head=[pooling("cls", "max", "mean")], dtype=torch.float16)
    make("pool-mean-sqrt", bert(), tokenizer=tokenizer, head=[pooling("mean_sqrt_len_tokens")], dtype=torch.float16)
    make("pool-weighted-last", bert(hidden_act="silu"), tokenizer=tokenizer, head=[pooling("weightedmean", "lasttoken"), Normalize()], dtype=torch.float16)
    make(
        "dense-tanh", bert(), tokenizer=tokenizer, dtype=torch.float16, truncate_dim=None,
        head=[pooling("mean"), Dense(32, 48), Dense(48, 24, bias=False, activation_function=torch.nn.Identity()), Normalize()],
    )
    make(
        "cut-prompted", bert(), tokenizer=tokenizer, dtype=torch.float16, truncate_dim=12, default_prompt_name="passage",
        head=[pooling("cls"), Dropout(0.1), LayerNorm(32)], prompts={"query": "How long is the: ", "passage": "passage: "},
    )


def bert_family():
    pooling = lambda *modes: Pooling(32, modes)
    config = transformers.RobertaConfig(vocab_size=320, max_position_embeddings=66, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, **sizes)
    encoder = transformers.RobertaModel(config, add_pooling_layer=False).eval()
    prompts = {"query": "query: ", "passage": "passage: "}
    make("roberta", encoder, tokenizer=byte_pairs(), head=[pooling("mean"), Normalize()], dtype=torch.bfloat16, prefix="roberta.", prompts=prompts)
    config = transformers.XLMRobertaConfig(vocab_size=260, max_position_embeddings=66, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, **sizes)
    encoder = transformers.XLMRobertaModel(config, add_pooling_layer=False).eval()
    make("xlm-roberta", encoder, tokenizer=unigrams(), head=[pooling("cls"), Normalize()], dtype=torch.float16)
    config = transformers.DistilBertConfig(vocab_size=280, max_position_embeddings=64, dim=32, n_layers=2, n_heads=4, hidden_dim=48, sinusoidal_pos_embds=True)
    make("distilbert", transformers.DistilBertModel(config).eval(), tokenizer=word_pieces(), head=[pooling("mean"), Dense(32, 16)], dtype=torch.float16, prefix="distilbert.")
    config = transformers.MPNetConfig(vocab_size=280, max_position_embeddings=162, layer_norm_eps=1e-5, **sizes)
    encoder = transformers.MPNetModel(config, add_pooling_layer=False).eval()
    make("mpnet", encoder, tokenizer=word_pieces(), head=None, limit=160, dtype=torch.float16)


def rotary():
    pooling = lambda *modes: Pooling(32, modes)
    config = transformers.ModernBertConfig(
        vocab_size=320, max_position_embeddings=96, local_attention=16, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        cls_token_id=0, sep_token_id=2, **(sizes | {"num_hidden_layers": 4}),
    )
    encoder = transformers.ModernBertModel(config).eval()
    make("modernbert", encoder, tokenizer=byte_pairs(), head=[pooling("mean")], limit=96, dtype=torch.float16)
    make("modernbert-v4", encoder, tokenizer=byte_pairs(), head=[pooling("cls"), Normalize()], limit=96, dtype=torch.bfloat16, prefix="model.")
    old_config(root / "modernbert-v4", global_rope_theta=160000.0, local_rope_theta=10000.0, global_attn_every_n_layers=3)
    config = transformers.Qwen3Config(
        vocab_size=320, max_position_embeddings=256, num_key_value_heads=2, head_dim=12, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        pad_token_id=1, eos_token_id=2, bos_token_id=0, **sizes,
    )
    encoder = transformers.Qwen3Model(config).eval()
    prompts = {"query": "Instruct: Given a question, find passages\nQuery:", "document": ""}
    make("qwen3", encoder, tokenizer=byte_pairs("$A </s>"), head=[pooling("lasttoken"), Normalize()], limit=256, dtype=torch.bfloat16, prompts=prompts)
    config = transformers.Qwen3Config(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=1, head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=9,
        max_window_layers=1, rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}, pad_token_id=1, eos_token_id=2, bos_token_id=0, **sizes,
    )
    encoder = transformers.Qwen3ForCausalLM(config).eval()
    make("qwen3-sliding", encoder, tokenizer=byte_pairs("$A </s>"), head=None, limit=96, dtype=torch.float16)
    old_config(root / "qwen3-sliding", rope_theta=10000.0, rope_scaling={"type": "linear", "factor": 4.0})


def gemma():
    pooling = lambda *modes: Pooling(32, modes)
    settings = dict(
        vocab_size=320, max_position_embeddings=96, num_key_value_heads=1, head_dim=12, query_pre_attn_scalar=20, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, **(sizes | {"num_hidden_layers": 3}),
    )
    config = transformers.Gemma3TextConfig(
        use_bidirectional_attention=True, sliding_window=14, layer_types=["sliding_attention", "full_attention", "sliding_attention"], **settings
    )
    prompts = {"query": "task: search result | query: ", "document": "title: none | text: "}
    head = [pooling("mean"), Dense(32, 48, bias=False, activation_function=torch.nn.Identity()), Dense(48, 32, bias=False, activation_function=torch.nn.Identity()), Normalize()]
    make("gemma3", transformers.Gemma3TextModel(config).eval(), tokenizer=byte_pairs(), head=head, limit=96, dtype=torch.bfloat16, prompts=prompts)
    config = transformers.Gemma3TextConfig(
        sliding_window=9, sliding_window_pattern=2, rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}
        }, **settings
    )
    make("gemma3-causal", transformers.Gemma3TextModel(config).eval(), tokenizer=byte_pairs(), head=[pooling("lasttoken")], limit=96, dtype=torch.float16)
    old_config(root / "gemma3-causal", rope_theta=1000000.0, rope_local_base_freq=10000.0, rope_scaling={"rope_type": "linear", "factor": 8.0}, sliding_window_pattern=2)


def gte():
    pooling = lambda *modes: Pooling(32, modes)
    settings = dict(vocab_size=260, max_position_embeddings=96, pad_token_id=1, **sizes)
    config = transformers.GteConfig(type_vocab_size=1, rope_parameters={"rope_type": "default", "rope_theta": 160000.0}, **settings)
    make("gte", transformers.GteModel(config).eval(), tokenizer=unigrams(), head=[pooling("cls"), Normalize()], limit=96, dtype=torch.float16)
    # What the authors' own code calls ntk is what transformers has as another theta and a linear factor.
    config = transformers.GteConfig(
        type_vocab_size=0, rope_parameters={"rope_type": "linear", "factor": 8.0 ** (2 / 8), "rope_theta": 20000.0 * 8}, **settings
    )
    make("gte-new", transformers.GteModel(config).eval(), tokenizer=unigrams(), head=[pooling("cls")], limit=96, dtype=torch.float16, prefix="new.")
    old_config(root / "gte-new", model_type="new", rope_theta=20000, rope_scaling={"type": "ntk", "factor": 8.0}, pack_qkv=True, position_embedding_type="rope", layer_norm_type="layer_norm")


def nomic():
    pooling = lambda *modes: Pooling(32, modes)
    config = transformers.NomicBertConfig(vocab_size=280, max_position_embeddings=96, rope_parameters={"rope_type": "default", "rope_theta": 1000.0}, **sizes)
    encoder = transformers.NomicBertModel(config).eval()
    prompts = {"query": "search_query: ", "document": "search_document: "}
    make("nomic-bert", encoder, tokenizer=word_pieces(), head=[pooling("mean"), Normalize()], limit=96, dtype=torch.float16, prompts=prompts)
    make("nomic-bert-own", encoder, tokenizer=word_pieces(), head=[pooling("mean"), Normalize()], limit=96, dtype=torch.float16)
    own_nomic_layout(root / "nomic-bert-own")


def own_nomic_layout(folder):
    """The same model as its authors' own code saves it."""
    own = dict(
        activation_function="swiglu", causal=False, layer_norm_epsilon=1e-12, max_trained_positions=96, mlp_fc1_bias=False, mlp_fc2_bias=False,
        model_type="nomic_bert", n_embd=32, n_head=4, n_inner=48, n_layer=2, n_positions=8192, parallel_block=False, prenorm=False, qkv_proj_bias=False,
        rotary_emb_base=1000, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None, rotary_scaling_factor=2,
        type_vocab_size=2, use_rms_norm=False, vocab_size=280,
    )
    (folder / "config.json").write_text(json.dumps(own, indent=2) + "\n")


def dpr():
    """A pair: one encoder for what is searched, another for questions."""
    config = transformers.DPRConfig(vocab_size=280, max_position_embeddings=64, **sizes)
    for name, encoder in [("dpr", transformers.DPRContextEncoder(config)), ("dpr-question", transformers.DPRQuestionEncoder(config))]:
        tokenizer = wrap(word_pieces(), 64)
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        randomize(encoder.eval(), torch.float16)
        encoder.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        rewrite(folder / "model.safetensors", torch.float16, "")
        write_golden(folder, Pooled(encoder, tokenizer))


class Pooled:
    """What transformers itself gives as a text's vector."""

    def __init__(self, encoder, tokenizer):
        self.encoder, self.tokenizer = encoder, tokenizer

    def encode(self, texts):
        with torch.no_grad():
            return self.encoder(**self.tokenizer(texts, truncation=True, return_tensors="pt")).pooler_output.numpy()

    encode_query = encode_document = encode


def static():
    tokenizer = word_pieces()
    embedding = StaticEmbedding(tokenizer, embedding_dim=24)
    randomize(embedding, torch.float32)
    folder = root / "static"
    shutil.rmtree(folder, ignore_errors=True)
    model = SentenceTransformer(modules=[embedding], device="cpu")
    model.save(str(folder), create_model_card=False)
    write_golden(folder, model)
    random = numpy.random.default_rng(7)
    model = StaticModel(
        random.standard_normal((40, 24)).astype("<f2"), tokenizer, normalize=True, max_length=100,
        weights=random.uniform(0.1, 3, 280), token_mapping=random.integers(0, 40, 280),
    )
    folder = root / "model2vec"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    write_golden(folder, SentenceTransformer(str(folder), device="cpu"))


def exported():
    pooling = lambda *modes: Pooling(32, modes)
    make("onnx-states", bert(), tokenizer=word_pieces(), head=[pooling("mean", "max"), Dense(64, 24), Normalize()])
    export(root / "onnx-states", lambda features: features["token_embeddings"], "last_hidden_state", opset=14)
    shutil.rmtree(root / "onnx-data", ignore_errors=True)
    shutil.copytree(root / "onnx-states", root / "onnx-data")
    onnx.save(onnx.load(root / "onnx-data/onnx/model.onnx"), root / "onnx-data/onnx/model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    make("onnx-vectors", bert(), tokenizer=word_pieces(), head=[pooling("cls"), Normalize()])
    export(root / "onnx-vectors", lambda features: features["sentence_embedding"], "sentence_embedding", opset=17)
    config = transformers.DistilBertConfig(vocab_size=280, max_position_embeddings=64, dim=32, n_layers=1, n_heads=4, hidden_dim=48)
    make("onnx-half", transformers.DistilBertModel(config).eval(), tokenizer=word_pieces(), head=[pooling("mean"), Normalize()])
    export(root / "onnx-half", lambda features: features["token_embeddings"], "token_embeddings", opset=18)
    path = root / "onnx-half" / "onnx" / "model.onnx"
    onnx.save(convert_float_to_float16(onnx.load(path)), path)
    write_golden(root / "onnx-half", MeanOfStates(root / "onnx-half"))
    make("onnx-int8", bert(), tokenizer=word_pieces(), head=[pooling("mean"), Normalize()])
    export(root / "onnx-int8", lambda features: features["token_embeddings"], "last_hidden_state", opset=17)
    path = root / "onnx-int8" / "onnx" / "model.onnx"
    quantize_dynamic(path, path)
    write_golden(root / "onnx-int8", MeanOfStates(root / "onnx-int8"))


def export(folder, output, name, opset):
    """Exports the encoder alone or the whole chain, as optimum does; the weights go."""
    model = SentenceTransformer(str(folder), device="cpu")
    inputs = model.preprocess(["The river runs to the sea."])
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in inputs]

    class Exported(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *values):
            return output(self.model(dict(zip(names, values))))

    (folder / "onnx").mkdir()
    axes = {each: {0: "batch", 1: "sequence"} for each in names} | {name: {0: "batch", 1: "sequence"} if name != "sentence_embedding" else {0: "batch"}}
    torch.onnx.export(
        Exported().eval(), tuple(inputs[each] for each in names), str(folder / "onnx" / "model.onnx"), input_names=names, output_names=[name],
        dynamic_axes=axes, opset_version=opset, dynamo=False,
    )
    (folder / "model.safetensors").unlink()
    trim(folder / "onnx" / "model.onnx")


def trim(path):
    """Takes out where the exporter's code lay."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
    onnx.save(model, path)


class MeanOfStates:
    """What ONNX Runtime itself makes of an exported graph, pooled and normalised."""

    def __init__(self, folder):
        self.session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def encode(self, texts):
        inputs = self.tokenizer(texts, truncation=True, return_tensors="np")
        feed = {each.name: inputs[each.name].astype(numpy.int64) for each in self.session.get_inputs()}
        states = self.session.run(None, feed)[0].astype(numpy.float32).mean(axis=1)
        return states / numpy.linalg.norm(states, axis=1, keepdims=True)

    encode_query = encode_document = encode


def old_config(folder, **fields):
    """The same configuration as transformers 4 wrote it."""
    config = json.loads((folder / "config.json").read_text())
    for field in ("rope_parameters", "layer_types"):
        config.pop(field, None)
    (folder / "config.json").write_text(json.dumps(config | fields, indent=2) + "\n")


groups = [bert_heads, bert_family, rotary, gemma, gte, nomic, dpr, static, exported]

if __name__ == "__main__":
    root.mkdir(exist_ok=True)
    (root / "texts.json").write_text(json.dumps(lines, ensure_ascii=False, indent=1) + "\n")
    for group in groups:
        if len(sys.argv) == 1 or group.__name__ in sys.argv[1:]:
            random.seed(7)
            torch.manual_seed(7)
            group()
