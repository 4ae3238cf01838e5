"""Compare base models by their vectors of texts, untuned: quick evidence for choosing how to adapt.

    python benchmarks/bases.py minilm runs/contracts_en/model ...

Only train files are read. For each base: accuracy and macro-F1 of a logistic regression on 200 clauses (10
draws, the same for every base; a quarter of the contracts held out) from the vector of the first token and
from the mean over all tokens, and whether it stays a sentence encoder: how often the nearest of 1,500
Banking77 questions has the same intent. Gains over the first base are compared draw by draw, with Student's
95 % intervals.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from scipy.special import stdtrit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from _data import table

LABELS, DRAWS = 200, 10
LENGTH = 128
AT_ONCE = 32


def main() -> None:
    """Print some lines per base."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bases", nargs="+", help="names of packaged models, hub ids or folders")
    options = parser.parse_args()
    clauses = _columns("clauses", ("text", "label", "contract"))
    questions = _columns("banking77", ("text", "category"))
    rng = np.random.default_rng(1)
    contracts = rng.permutation(np.unique(clauses["contract"]))
    held = np.isin(clauses["contract"], contracts[: len(contracts) // 4])
    test = rng.permutation(np.flatnonzero(held))[:800]
    pool = rng.permutation(np.flatnonzero(~held))[:1500]
    asked = rng.permutation(len(questions["text"]))[:1500]
    compared: dict[str, np.ndarray] = {}
    for base in options.bases:
        first, mean = _vectors(base, clauses["text"][np.concatenate([pool, test])])
        labels = clauses["label"]
        print(base, flush=True)
        for name, vectors in (("first token", first), ("mean", mean)):
            scores = _regression(vectors, labels[pool], labels[test])
            print(f"  clauses from the {name}: {_sentence(scores, compared.setdefault(name, scores))}")
        _, vectors = _vectors(base, questions["text"][asked])
        intents = questions["category"][asked]
        print(f"  nearest question: {_nearest(vectors, intents):.3f}", flush=True)


def _columns(name: str, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    whole = table(name)
    assert whole is not None
    return {column: np.array(whole.columns[column].to_pylist(), object) for column in columns}


def _vectors(base: str, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 [N, H] each: the first token, and the mean."""
    from feinschliff.models import load as loading
    from feinschliff.models.locate import locate

    folder = locate(base)
    model, tokenizer = loading.load_model(folder, "AutoModel").eval(), loading.load_tokenizer(folder)
    first, mean = [], []
    for begin in range(0, len(texts), AT_ONCE):
        part = texts[begin : begin + AT_ONCE].tolist()
        read = tokenizer(part, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        with torch.inference_mode(), _precision():
            inputs: dict[str, Any] = {name: read[name] for name in ("input_ids", "attention_mask")}
            hidden = model(**inputs).last_hidden_state.float()
        weight = read["attention_mask"][:, :, None]
        first.append(hidden[:, 0].numpy())
        mean.append(((hidden * weight).sum(1) / weight.sum(1)).numpy())
    return np.concatenate(first), np.concatenate(mean)


def _precision() -> Any:
    from feinschliff.models.precision import autocast, resolve_precision

    cpu = torch.device("cpu")
    precision = resolve_precision("auto", cpu)
    return autocast(cpu, precision) if precision != "float32" else nullcontext()


def _regression(vectors: np.ndarray, known: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return accuracy and macro-F1 of each draw of labelled texts, float64 [D, 2].

    The vectors of the texts to be scored come last.
    """
    pool, others = vectors[: len(known)], vectors[len(known) :]
    scores = []
    for seed in range(DRAWS):
        rows = np.random.default_rng(seed).choice(len(known), LABELS, replace=False)
        centre, spread = pool[rows].mean(0), pool[rows].std(0) + 1e-6
        model = LogisticRegression(C=0.1, max_iter=200).fit((pool[rows] - centre) / spread, known[rows])
        found = model.predict((others - centre) / spread)
        scores.append(((found == truth).mean(), f1_score(truth, found, average="macro", zero_division=0)))
    return np.array(scores)


def _sentence(scores: np.ndarray, first: np.ndarray) -> str:
    means, gains = scores.mean(0), scores - first
    half = stdtrit(DRAWS - 1, 0.975) * gains.std(0, ddof=1) / DRAWS**0.5
    return ", ".join(
        f"{name} {mean:.3f}" + (f" ({gain:+.3f} [{gain - h:+.3f}, {gain + h:+.3f}])" if h else "")
        for name, mean, gain, h in zip(("accuracy", "macro-F1"), means, gains.mean(0), half, strict=True)
    )


def _nearest(vectors: np.ndarray, labels: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    return float((labels[alike.argmax(1)] == labels).mean())


if __name__ == "__main__":
    main()
