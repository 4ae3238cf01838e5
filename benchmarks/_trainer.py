"""The peer: transformers' `Trainer` as its example scripts use it, on the same rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from feinschliff.data import Records
from feinschliff.evaluate import Predictions

MAX_LENGTH_TOKENS = 512


def tune_and_predict(
    task: str,
    train: Sequence[Records],
    test: Records,
    labels: Sequence[str],
    model: str,
    epochs: float,
    seed: int,
    **arguments: Any,
) -> tuple[Predictions, float]:
    """Tune with the defaults of `TrainingArguments` and predict test.

    Args:
        train: Records learnt, one part after the other.
        model: Folder of the base model.
        arguments: Other values for `TrainingArguments`.

    Returns:
        Predictions, and seconds of training.
    """
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model)
    names = ["O"] + [f"{p}-{label}" for label in labels for p in "BI"] if task == "ner" else list(labels)
    auto = AutoModelForTokenClassification if task == "ner" else AutoModelForSequenceClassification
    head: dict[str, Any] = {"num_labels": max(1, len(names))}
    if task == "multilabel":
        head["problem_type"] = "multi_label_classification"
    network = auto.from_pretrained(model, dtype=torch.float32, **head)
    encode = _encode_words if task == "ner" else _encode_texts
    rows = [row for part in train for row in encode(tokenizer, part, task, names)]
    shown = encode(tokenizer, test, task, names)
    collator = DataCollatorForTokenClassification if task == "ner" else DataCollatorWithPadding
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=network,
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=epochs,
                seed=seed,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                **arguments,
            ),
            train_dataset=rows,  # type: ignore[arg-type]
            data_collator=collator(tokenizer),
            processing_class=tokenizer,
        )
        begun = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - begun
        trainer.args.train_sampling_strategy = "random"  # which orders what it predicts, too
        logits = trainer.predict(shown).predictions  # type: ignore[arg-type]
    return _decode(task, logits, shown, test, labels, names), seconds


def _encode_texts(tokenizer: Any, records: Records, task: str, names: list[str]) -> list[dict[str, Any]]:
    found = tokenizer(records.texts, records.pairs, truncation=True, max_length=MAX_LENGTH_TOKENS)
    rows = []
    for i, target in enumerate(records.targets):
        row = {key: found[key][i] for key in found}
        if task == "multilabel":
            row["labels"] = [float(name in target) for name in names]
        elif task == "regression":
            row["labels"] = float(target)
        else:
            row["labels"] = names.index(target)
        rows.append(row)
    return rows


def _encode_words(tokenizer: Any, records: Records, task: str, names: list[str]) -> list[dict[str, Any]]:
    """Give the first piece of each word its tag, as transformers' example for token classification does."""
    words = [text.split(" ") for text in records.texts]
    found = tokenizer(words, is_split_into_words=True, truncation=True, max_length=MAX_LENGTH_TOKENS)
    rows = []
    for i, spans in enumerate(records.targets):
        tags = _tags(_word_offsets(words[i]), spans, names)
        ids = found.word_ids(i)
        first = [w is not None and (p == 0 or ids[p - 1] != w) for p, w in enumerate(ids)]
        row = {key: found[key][i] for key in found}
        row["labels"] = [tags[w] if is_first else -100 for w, is_first in zip(ids, first, strict=True)]
        rows.append(row)
    return rows


def _word_offsets(words: list[str]) -> list[tuple[int, int]]:
    offsets, start = [], 0
    for word in words:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets


def _tags(offsets: list[tuple[int, int]], spans: list[dict[str, Any]], names: list[str]) -> list[int]:
    tags = [0] * len(offsets)
    for span in spans:
        inside = [
            i for i, (start, end) in enumerate(offsets) if start >= span["start"] and end <= span["end"]
        ]
        for place, i in enumerate(inside):
            tags[i] = names.index(f"{'I' if place else 'B'}-{span['label']}")
    return tags


def _decode(
    task: str,
    logits: np.ndarray,
    rows: list[dict[str, Any]],
    test: Records,
    labels: Sequence[str],
    names: list[str],
) -> Predictions:
    if task == "classification":
        return Predictions(task, tuple(labels), logits.argmax(1))
    if task == "multilabel":
        return Predictions(task, tuple(labels), logits > 0)
    if task == "regression":
        return Predictions(task, (), logits[:, 0].astype(np.float64))
    from seqeval.metrics.sequence_labeling import get_entities

    found = []
    for text, row, scores in zip(test.texts, rows, logits, strict=True):
        offsets = _word_offsets(text.split(" "))
        carriers = [p for p, tag in enumerate(row["labels"]) if tag != -100]
        tags = [names[t] for t in scores[carriers].argmax(-1)]
        entities = get_entities(tags)
        spans = [{"start": offsets[a][0], "end": offsets[b][1], "label": k} for k, a, b in entities]
        found.append([{**span, "score": 1.0} for span in spans])
    return Predictions(task, tuple(labels), found)
