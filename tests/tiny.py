"""Tiny encoders with random weights and tokenizers made on the spot: everything tests need, offline.

Each architecture keeps what makes it special: its tokenizer's family, its special tokens, its padding id, its
way to count positions, shared or projected embeddings. Only the sizes are small.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from feinschliff.config import RunConfig, load_config
from feinschliff.data import Columns, Dataset, Records

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}


@dataclass(frozen=True)
class Shape:
    """One architecture: its transformers class, tokenizer family, and what differs from `SIZES`."""

    config: str
    tokenizer: str
    values: dict[str, Any]


SHAPES = {
    "bert": Shape("BertConfig", "wordpiece", {}),
    "roberta": Shape("RobertaConfig", "bytes", {"max_position_embeddings": 66, "type_vocab_size": 1}),
    "distilbert": Shape(
        "DistilBertConfig",
        "wordpiece",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 64},
    ),
    "electra": Shape("ElectraConfig", "wordpiece", {"embedding_size": 16}),
    "xlm-roberta": Shape(
        "XLMRobertaConfig", "unigram", {"max_position_embeddings": 66, "type_vocab_size": 1}
    ),
    "deberta-v2": Shape(
        "DebertaV2Config",
        "deberta",
        {
            "relative_attention": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "type_vocab_size": 0,
        },
    ),
    "modernbert": Shape(
        "ModernBertConfig",
        "modern",
        {"local_attention": 16, "num_hidden_layers": 3, "global_attn_every_n_layers": 2},
    ),
    "albert": Shape("AlbertConfig", "unigram-bert", {"embedding_size": 16}),
    "mpnet": Shape("MPNetConfig", "mpnet", {"max_position_embeddings": 66}),
}
"""The encoders by `model_type`."""

DECODERS = {
    "llama": Shape("LlamaConfig", "decoder", {"num_key_value_heads": 2}),
    "qwen3": Shape("Qwen3Config", "decoder", {"num_key_value_heads": 2, "head_dim": 8}),
    "gpt2": Shape("GPT2Config", "decoder", {"n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}),
}
"""Decoders, whose tokenizers mark neither the beginning nor padding."""

SPECIAL = ("pad", "bos", "eos", "cls", "sep")

NAMED = ("bert", "roberta", "distilbert", "electra", "xlm-roberta", "deberta-v2", "modernbert")
"""Those whose saved models must load in `transformers.pipeline` with the same output."""

SUBJECTS = [
    "the soup",
    "this film",
    "my order",
    "the new phone",
    "our hotel room",
    "the service",
    "a garden hose",
]
GOOD = ["was wonderful", "pleased everyone", "came early", "is a joy", "worked very well"]
BAD = ["was terrible", "annoyed everyone", "came broken", "is a pain", "stopped working"]
ENDS = [
    "",
    " today",
    " again",
    ", as always",
    ", to my surprise",
    " for the whole family",
    " und das ist schön",
]


def examples() -> Iterator[tuple[str, str]]:
    """Yield the toy task: (sentence, `good` or `bad`), each sentence once."""
    for subject, (good, bad), end in itertools.product(SUBJECTS, zip(GOOD, BAD, strict=True), ENDS):
        yield f"{subject} {good}{end}.", "good"
        yield f"{subject} {bad}{end}.", "bad"


def write_csv(path: Path, rows: int = 120) -> Path:
    """Write that many examples of the toy task as text,label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *some(rows)])
    return path


QUICK: dict[str, Any] = {
    "seed": 3,
    "train.epochs": 3,
    "train.batch_size": 8,
    "train.learning_rate": 3e-3,
    "train.head_learning_rate": 3e-3,
    "train.precision": "float32",
    "evaluate.baselines": (),
    "evaluate.bootstrap_samples": 100,
    "evaluate.explain_texts": 0,
    "evaluate.robustness_texts": 0,
}
"""Settings under which a tiny model learns the toy task within a second."""


def config(encoder: Path, data: Path, output: Path | None = None, **settings: Any) -> RunConfig:
    """Return the configuration of a quick run; `settings` are dotted names."""
    places = {"model.source": str(encoder), "data.train": str(data), "output_dir": output and str(output)}
    return load_config(values={**QUICK, **places, **settings})


ADAPT: dict[str, Any] = {
    "adapt.block_tokens": 32,
    "adapt.head_steps": 3,
    "train.epochs": 4,
    "train.batch_size": 8,
    "train.learning_rate": 3e-3,
    "train.precision": "float32",
    "evaluate.bootstrap_samples": 100,
}
"""Settings of a quick adaptation."""


def adaptation(base: Path, corpus: Path, output: Path, **settings: Any) -> RunConfig:
    """Return the configuration of a quick adaptation; `settings` are dotted names."""
    places = {"model.source": str(base), "adapt.corpus": (str(corpus),), "output_dir": str(output)}
    return load_config(values={**ADAPT, **places, **settings})


def documents() -> list[str]:
    """Return 56 short raw texts, each of a few sentences."""
    sentences = [text for text, _ in some(60)]
    return [" ".join(sentences[i : i + 4]) + f" {i}" for i in range(56)]


def write_corpus(path: Path) -> Path:
    """Write `documents`, one a line."""
    path.write_text("\n".join(documents()), encoding="utf-8")
    return path


def write_probe(folder: Path) -> tuple[str, str]:
    """Write labelled texts to learn from and to test on, and return their files."""
    rows = some(120)
    for name, part in (("train", rows[:80]), ("test", rows[80:])):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *part])
    return str(folder / "train.csv"), str(folder / "test.csv")


def dataset(rows: Sequence[tuple[str, str]], num_dev: int = 12) -> Dataset:
    """Return labelled texts as a dataset: the last `num_dev` are dev and test."""
    names = ("id", "place", "text", "target")
    columns = [[str(i) for i in range(len(rows))]] * 2 + [list(column) for column in zip(*rows, strict=True)]
    records = Records(pa.table(dict(zip(names, columns, strict=True))))
    dev = records.take(np.arange(len(rows) - num_dev, len(rows)))
    labels = tuple(sorted({label for _, label in rows}))
    train = records.take(np.arange(len(rows) - num_dev))
    return Dataset("classification", labels, train, dev, dev, Columns("classification", "text", "label"))


def some(number: int) -> list[tuple[str, str]]:
    """Return that many examples, spread over all of the toy task and mixed."""
    every = list(examples())
    order = np.random.default_rng(5).permutation(len(every))
    return [every[i] for i in order[:number]]


def make(folder: Path, name: str, auto_class: str = "AutoModel", **values: Any) -> Path:
    """Save a tiny model with its tokenizer, without a head unless `auto_class` has one; return its folder."""
    import torch
    import transformers

    from feinschliff.models.load import quietly

    shape = {**SHAPES, **DECODERS}[name]
    tokenizer = tokenizer_of(shape.tokenizer, length=SIZES["max_position_embeddings"])
    config = getattr(transformers, shape.config)(
        **{
            **SIZES,
            **shape.values,
            "vocab_size": len(tokenizer),
            **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in SPECIAL},
            **values,
        }
    )
    torch.manual_seed(7)
    quietly(lambda: getattr(transformers, auto_class).from_config(config).save_pretrained(folder))
    tokenizer.save_pretrained(folder)
    return folder


def tokenizer_of(kind: str, length: int) -> Any:
    """Make a tokenizer of a family for the toy task and wrap it as transformers does."""
    from transformers import PreTrainedTokenizerFast

    build = {
        "wordpiece": _wordpiece,
        "bytes": _bytes,
        "unigram": _unigram,
        "deberta": _unigram_bert,
        "unigram-bert": _unigram_bert,
        "modern": _bytes_bert,
        "mpnet": _wordpiece_mpnet,
        "decoder": _bytes_plain,
    }[kind]
    backend, special = build([text for text, _ in examples()])
    names = ["input_ids", "attention_mask"]
    if kind in ("wordpiece", "unigram-bert", "deberta"):
        names.insert(1, "token_type_ids")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=length, model_input_names=names, **special
    )


BERT_SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
ROBERTA_SPECIAL = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}


def _wordpiece(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    tokenizer = _pieces(corpus, list(BERT_SPECIAL.values()))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = _bert_template(tokenizer)
    return tokenizer, BERT_SPECIAL


def _wordpiece_mpnet(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    tokenizer = _pieces(corpus, ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer, {**ROBERTA_SPECIAL, "unk_token": "[UNK]"}


def _pieces(corpus: list[str], special: list[str]) -> Tokenizer:
    """Make word pieces of all words and letters: training would order them by chance."""
    words = _words(corpus)
    letters = sorted(set("".join(words)) | set("0123456789abcdefghijklmnopqrstuvwxyz.,!?'-"))
    pieces = dict.fromkeys([*special, *letters, *(f"##{letter}" for letter in letters), *words])
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(special)
    return tokenizer


def _words(corpus: list[str]) -> list[str]:
    """Return the words of a corpus but the rarest, most frequent first."""
    counts = Counter(word for text in corpus for word in re.findall(r"\w+", text.lower()))
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))][:-5]


def _bytes(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    tokenizer = _byte_level(corpus, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer, ROBERTA_SPECIAL


def _bytes_plain(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    return _byte_level(corpus, ["<|end|>"]), {"eos_token": "<|end|>"}


def _bytes_bert(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    tokenizer = _byte_level(corpus, ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    tokenizer.post_processor = _bert_template(tokenizer)
    return tokenizer, BERT_SPECIAL


def _byte_level(corpus: list[str], special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def _unigram(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    tokenizer = _metaspace(corpus, ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"], "<unk>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")],
    )
    return tokenizer, ROBERTA_SPECIAL


def _unigram_bert(corpus: list[str]) -> tuple[Tokenizer, dict[str, str]]:
    tokenizer = _metaspace(corpus, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], ["[MASK]"], "[UNK]")
    tokenizer.post_processor = _bert_template(tokenizer)
    return tokenizer, BERT_SPECIAL


def _metaspace(corpus: list[str], first: list[str], last: list[str], unknown: str) -> Tokenizer:
    words = [f"\u2581{word}" for word in _words(corpus)][::2]
    letters = sorted({letter for text in corpus for letter in text.replace(" ", "\u2581")})
    scored = [(piece, -2.0 - i / 100) for i, piece in enumerate(words)] + [
        (letter, -8.0) for letter in letters
    ]
    vocabulary = [(token, 0.0) for token in first] + scored
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=first.index(unknown)))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([*first, *last])
    return tokenizer


def _bert_template(tokenizer: Tokenizer) -> Any:
    return processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
