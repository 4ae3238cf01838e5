"""Realistic results of every task, made from seeded random predictions.

Scores, intervals, comparisons, confusions and mistakes come from the same simulated predictions, so that they
agree with each other as they do in a real run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from evidence_samples import evidence

ACCOUNT = (
    "card",
    "account",
    "transfer",
    "payment",
    "top-up",
    "refund",
    "exchange",
    "cash",
    "PIN",
    "identity",
    "limit",
)
TROUBLE = ("declined", "delayed", "lost", "charged_twice", "not_arrived", "pending", "reverted", "cancelled")
REVIEWS = {
    "negative": [
        "The battery died after two days and nobody answered my mails.",
        "Looks nice on the shelf, which is where it stayed after the second crash.",
        "I wanted to like this film. It did everything it could to stop me.",
        "Cold soup, warm beer, and a waiter who seemed to be on holiday.",
    ],
    "positive": [
        "I did not expect much, and it was not bad at all.",
        "Third one we bought; the first two are still running in the workshop.",
        "No frills, no fuss, and the best dumplings in town.",
        "You will not be sorry you stayed for the last twenty minutes.",
    ],
}
NER_TEXT = (
    "Yesterday Anna Lindqvist of Nordhafen Shipping met the mayor of Kiel, and both praised the new harbour."
)


def interval(value: float, spread: float) -> dict[str, float]:
    """Return an interval around a value."""
    return {
        "value": round(value, 4),
        "low": round(value - spread, 4),
        "high": round(value + spread * 0.95, 4),
    }


def macro_f1(true: np.ndarray, guess: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1 of each class."""
    matrix = np.zeros((size, size))
    np.add.at(matrix, (true, guess), 1)
    hits = matrix.diagonal()
    precision = hits / np.maximum(matrix.sum(0), 1)
    recall = hits / np.maximum(matrix.sum(1), 1)
    return precision, recall, 2 * precision * recall / np.maximum(precision + recall, 1e-9)


def frame(
    task: str, title: str, primary: str, splits: dict[str, int], labels: list[str], seed: int
) -> dict[str, Any]:
    """Return the parts all results share."""
    rng = np.random.default_rng(seed)
    mean = 24 if task != "ner" else 31
    lengths = np.clip(rng.lognormal(np.log(mean), 0.55, sum(splits.values())), 3, 700).astype(int)
    edges = np.arange(0, lengths.max() + 8, 8)
    counts, _ = np.histogram(lengths, edges)
    curve = []
    for step in range(5, 445, 5):
        share = step / 440
        point: dict[str, Any] = {
            "step": step,
            "epoch": round(2 * share, 3),
            "loss": round(0.25 + 0.5 * np.exp(-3 * share) + rng.normal(0, 0.03), 4),
            "learning_rate": round(1e-4 * min(1, 10 * share) * (1 - share), 8),
            "seconds": round(67 * share, 1),
        }
        if step % 55 == 0:
            point |= {
                "dev_loss": round(0.38 + 0.35 * np.exp(-4 * share) + 0.05 * max(0, share - 0.7), 4),
                "dev_metric": round(0.84 - 0.3 * np.exp(-5 * share) - 0.03 * max(0, share - 0.8), 4),
            }
        curve.append(point)
    return {
        "schema": 1,
        "feinschliff": "0.1.0",
        "title": title,
        "created": "2026-03-14T09:26:53Z",
        "command": f"feinschliff train {title}.csv --output-dir runs/{title} --seed {seed}",
        "language": "en",
        "seed": seed,
        "duration_seconds": 121.4,
        "task": task,
        "primary_metric": primary,
        "model": {
            "source": "minilm",
            "name": "sentence-transformers/all-MiniLM-L6-v2",
            "licence": "apache-2.0",
            "languages": ["en"],
            "parameters": 22_713_986,
            "trainable_parameters": 22_713_986,
            "size_bytes": 90_900_000,
            "max_length_tokens": 512,
            "layers": 6,
            "hidden_size": 384,
            "vocabulary": 30522,
        },
        "data": {
            "fingerprint": "9f2c1c5be0a14d7c8e3a2b1f6d5e4c3b",
            "test_fingerprint": "1b2c3d4e5f60718293a4b5c6d7e8f901",
            "splits": splits,
            "labels": labels,
            "columns": {"task": task, "text": "text", "label": "label", "confidence": 0.95},
            "audit": {
                "exact_duplicates": 41,
                "near_duplicates": 0,
                "leaked_into_test": 7,
                "conflicting_labels": 3,
                "truncated": int((lengths > 512).sum()),
                "dropped": 48,
            },
            "findings": [
                {
                    "kind": "leaked_into_test",
                    "severity": "error",
                    "count": 7,
                    "message": "7 texts of train also stand in test.",
                    "action": "removed from train (data.remove)",
                    "examples": [
                        {
                            "place": f"{title}.csv:118",
                            "text": "Works as it should.",
                            "detail": f"same as {title}.csv:902",
                        },
                        {
                            "place": f"{title}.csv:341",
                            "text": "Never again.",
                            "detail": f"same as {title}.csv:77",
                        },
                    ],
                },
                {
                    "kind": "conflicting_labels",
                    "severity": "warning",
                    "count": 3,
                    "message": "3 rows have the same text as another row but a different label.",
                    "action": "kept",
                    "examples": [
                        {
                            "place": f"{title}.csv:15",
                            "text": "It is what it is.",
                            "detail": "negative, positive",
                        }
                    ],
                },
                {
                    "kind": "exact_duplicates",
                    "severity": "info",
                    "count": 41,
                    "message": "41 rows of train repeat an earlier row.",
                    "action": "removed from train (data.remove)",
                    "examples": [],
                },
            ],
            "lengths": {
                "tokens": {"bins": edges.tolist(), "counts": counts.tolist()},
                "median": float(np.median(lengths)),
                "p95": float(np.percentile(lengths, 95)),
                "max": int(lengths.max()),
                "limit": 512,
                "over_limit": int((lengths > 512).sum()),
                "unit": "tokens",
            },
        },
        "cost": {
            "train_seconds": 67.2,
            "tokens": 412_380,
            "tokens_per_second": 6137.0,
            "peak_memory_bytes": 1_380_000_000,
            "energy_kwh": None,
        },
        "environment": {
            "python": "3.11.9",
            "torch": "2.13.0",
            "transformers": "5.23.0",
            "device": "cpu (2 cores)",
            "precision": "float32",
        },
        "training": {
            "curve": curve,
            "best_step": 385,
            "stopped": "finished",
            "settings": {
                "learning_rate": 1e-4,
                "epochs": 2.0,
                "batch_size": 32,
                "layer_decay": 0.9,
                "dropout": 0.1,
            },
        },
        "requirements": [],
        "config": {
            "task": "auto",
            "seed": seed,
            "data": {"train": f"{title}.csv", "remove": ["empty", "exact_duplicates", "leaked_into_test"]},
            "model": {"source": "minilm", "long_text": "windows"},
            "evaluate": {
                "baselines": ["majority", "tfidf", "frozen"],
                "bootstrap_samples": 2000,
                "confidence": 0.95,
            },
        },
    }


def compared(
    result: dict[str, Any], scores: dict[str, dict[str, float]], spread: float, p: dict[str, float]
) -> None:
    """Add systems, comparisons and the test metrics; `scores` holds metrics by system."""
    titles = {
        "fine-tuned": "Fine-tuned",
        "majority": "Majority class",
        "tfidf": "TF-IDF + logistic regression",
        "frozen": "Frozen encoder + logistic regression",
    }
    seconds = {"fine-tuned": 67.2, "majority": 0.0, "tfidf": 1.9, "frozen": 14.6}
    result["systems"] = [
        {
            "name": name,
            "title": titles[name],
            "detail": "",
            "metrics": {metric: interval(value, spread) for metric, value in values.items()},
            "seconds": seconds[name],
        }
        for name, values in scores.items()
    ]
    primary = result["primary_metric"]
    own = scores["fine-tuned"][primary]
    result["metrics"] = {
        "dev": {metric: value + 0.01 for metric, value in scores["fine-tuned"].items()},
        "test": result["systems"][0]["metrics"],
    }
    result["comparisons"] = [
        {
            "a": "fine-tuned",
            "b": name,
            "metric": primary,
            "difference": own - values[primary],
            "low": own - values[primary] - 0.8 * spread,
            "high": own - values[primary] + 0.8 * spread,
            "p_value": p[name],
            "p_value_corrected": min(1.0, 3 * p[name]),
        }
        for name, values in scores.items()
        if name != "fine-tuned"
    ]


def classes(
    labels: list[str], num_test: int, accuracy: float, title: str, seed: int, texts: Callable[[int, int], str]
) -> dict[str, Any]:
    """Return a classification result with simulated predictions; `texts(true, row)` writes a text."""
    rng = np.random.default_rng(seed)
    size = len(labels)
    result = frame(
        "classification",
        title,
        "macro_f1",
        {"train": 6 * num_test, "dev": num_test // 2, "test": num_test},
        labels,
        seed,
    )
    true = rng.integers(0, size, num_test)
    hard = rng.beta(2, 2, size)
    right = rng.random(num_test) < accuracy - 0.3 * (hard[true] - 0.5)
    near = (true + rng.choice([1, 2, 5], num_test)) % size
    guess = np.where(right, true, np.where(rng.random(num_test) < 0.7, near, rng.integers(0, size, num_test)))
    precision, recall, f1 = macro_f1(true, guess, size)
    matrix = np.zeros((size, size), dtype=int)
    np.add.at(matrix, (true, guess), 1)
    support = matrix.sum(1)
    result["confusion"] = {"labels": labels, "matrix": matrix.tolist()}
    result["per_class"] = [
        {
            "label": label,
            "precision": interval(precision[i], 0.5 / np.sqrt(max(1, support[i]))),
            "recall": interval(recall[i], 0.5 / np.sqrt(max(1, support[i]))),
            "f1": {
                "value": f1[i],
                "low": max(0, f1[i] - 0.8 / np.sqrt(max(1, support[i]))),
                "high": min(1, f1[i] + 0.6 / np.sqrt(max(1, support[i]))),
            },
            "support": int(support[i]),
        }
        for i, label in enumerate(labels)
    ]
    result["data"]["class_counts"] = {
        "train": {label: int(6 * support[i] + rng.integers(0, 9)) for i, label in enumerate(labels)},
        "test": {label: int(support[i]) for i, label in enumerate(labels)},
    }
    wrong = np.flatnonzero(true != guess)[:20]
    sure = np.sort(rng.beta(14, 1.2, len(wrong)))[::-1]
    result["mistakes"] = [
        {
            "id": str(row),
            "place": f"{title}.csv:{row + 2}",
            "text": texts(int(true[row]), int(row)),
            "label": labels[true[row]],
            "prediction": labels[guess[row]],
            "confidence": round(float(s), 4),
        }
        for row, s in zip(wrong, sure, strict=True)
    ]
    own, exact = float(f1.mean()), float((true == guess).mean())
    guessed = max(0.02, 0.66 / size)
    compared(
        result,
        {
            "fine-tuned": {
                "accuracy": exact,
                "macro_f1": own,
                "micro_f1": exact,
                "mcc": exact - 0.08,
                "log_loss": 0.41,
            },
            "majority": {
                "accuracy": 1.5 * guessed,
                "macro_f1": guessed,
                "micro_f1": 1.5 * guessed,
                "mcc": 0.0,
                "log_loss": 0.69,
            },
            "tfidf": {
                "accuracy": exact - 0.052,
                "macro_f1": own - 0.054,
                "micro_f1": exact - 0.052,
                "mcc": exact - 0.15,
                "log_loss": 0.52,
            },
            "frozen": {
                "accuracy": exact - 0.028,
                "macro_f1": own - 0.031,
                "micro_f1": exact - 0.028,
                "mcc": exact - 0.1,
                "log_loss": 0.47,
            },
        },
        1.0 / np.sqrt(num_test),
        {"majority": 0.0002, "tfidf": 0.0002, "frozen": 0.004},
    )
    bins = [(0.05 + 0.1 * i) for i in range(10)]
    result["calibration"] = {
        "temperature": 1.34,
        "before": {
            "ece": 0.061,
            "brier": 0.131,
            "bins": [
                {"confidence": c, "accuracy": max(0, c - 0.11 * c), "count": int(20 + 300 * c**3)}
                for c in bins
                if c >= 0.5 or size > 2
            ],
        },
        "after": {
            "ece": 0.017,
            "brier": 0.122,
            "bins": [
                {"confidence": c, "accuracy": min(1, c + 0.02 * np.sin(9 * c)), "count": int(20 + 260 * c**3)}
                for c in bins
                if c >= 0.5 or size > 2
            ],
        },
    }
    return result


def binary(seed: int = 42) -> dict[str, Any]:
    """Return a sentiment result with two classes."""
    labels = ["negative", "positive"]
    result = classes(labels, 1066, 0.84, "reviews", seed, lambda true, row: REVIEWS[labels[true]][row % 4])
    result |= evidence()
    result["mistakes"][0]["reasons"] = [{"text": "not", "weight": 1.2}, {"text": "bad", "weight": 0.8}]
    return result


def many(seed: int = 42, size: int = 77, num_test: int = 3080) -> dict[str, Any]:
    """Return an intent result with many classes."""
    pairs = [f"{noun}_{trouble}".lower() for noun in ACCOUNT for trouble in TROUBLE]
    labels = sorted((pairs + [f"other_request_{i:03d}" for i in range(size)])[:size])
    result = classes(
        labels,
        num_test,
        0.9,
        "intents",
        seed,
        lambda true, row: f"Why is my {labels[true].replace('_', ' ')} again?",
    )
    result["requirements"] = [
        {"text": "macro_f1>=0.85", "reached": True, "value": result["metrics"]["test"]["macro_f1"]["value"]}
    ]
    return result


def multilabel(seed: int = 42) -> dict[str, Any]:
    """Return a result in which a text may carry several labels."""
    labels = [
        "arbitration",
        "choice_of_law",
        "content_removal",
        "jurisdiction",
        "liability",
        "termination",
        "unilateral_change",
    ]
    result = frame(
        "multilabel", "terms", "micro_f1", {"train": 9000, "dev": 1000, "test": 2400}, labels, seed
    )
    rng = np.random.default_rng(seed)
    result["per_class"] = [
        {
            "label": label,
            "precision": interval(p, 0.08),
            "recall": interval(r, 0.1),
            "f1": interval(2 * p * r / (p + r), 0.09),
            "support": int(n),
        }
        for label, p, r, n in zip(
            labels, rng.uniform(0.6, 0.95, 7), rng.uniform(0.4, 0.9, 7), rng.integers(20, 90, 7), strict=True
        )
    ]
    result["per_class"][2]["f1"] = interval(0.41, 0.16)
    result["mistakes"] = [
        {
            "id": str(i),
            "place": f"terms.jsonl:{i + 1}",
            "text": "We may change these terms at any time, and by using the service you agree to it.",
            "label": ["unilateral_change", "liability"] if i % 2 else [],
            "prediction": ["unilateral_change"] if i % 3 else ["termination", "liability"],
            "confidence": 0.98 - 0.01 * i,
        }
        for i in range(8)
    ]
    compared(
        result,
        {
            "fine-tuned": {"micro_f1": 0.741, "macro_f1": 0.702, "exact_match": 0.948},
            "majority": {"micro_f1": 0.0, "macro_f1": 0.0, "exact_match": 0.91},
            "tfidf": {"micro_f1": 0.733, "macro_f1": 0.688, "exact_match": 0.945},
            "frozen": {"micro_f1": 0.655, "macro_f1": 0.6, "exact_match": 0.935},
        },
        0.031,
        {"majority": 0.0002, "tfidf": 0.41, "frozen": 0.0006},
    )
    result["config"]["model"]["long_text"] = "truncate"
    result["data"]["lengths"]["limit"] = 64
    result["data"]["lengths"]["over_limit"] = 618
    return result


def regression(seed: int = 42) -> dict[str, Any]:
    """Return a result that predicts a number."""
    rng = np.random.default_rng(seed)
    result = frame("regression", "ratings", "pearson", {"train": 3000, "dev": 300, "test": 150}, [], seed)
    true = np.clip(rng.normal(3.4, 1.1, 150), 1, 5)
    guess = true + rng.normal(0, 0.45, 150)
    result["scatter"] = {"true": true.round(3).tolist(), "predicted": guess.round(3).tolist()}
    order = np.argsort(-abs(true - guess))[:10]
    result["mistakes"] = [
        {
            "id": str(i),
            "place": f"ratings.csv:{i + 2}",
            "text": REVIEWS["positive"][i % 4],
            "label": float(true[i]),
            "prediction": float(guess[i]),
            "confidence": None,
        }
        for i in order.tolist()
    ]
    compared(
        result,
        {
            "fine-tuned": {"pearson": 0.912, "spearman": 0.903, "rmse": 0.46, "mae": 0.35, "r2": 0.82},
            "majority": {"pearson": 0.0, "spearman": 0.0, "rmse": 1.08, "mae": 0.9, "r2": 0.0},
            "tfidf": {"pearson": 0.71, "spearman": 0.69, "rmse": 0.77, "mae": 0.6, "r2": 0.49},
            "frozen": {"pearson": 0.83, "spearman": 0.82, "rmse": 0.62, "mae": 0.49, "r2": 0.67},
        },
        0.03,
        {"majority": 0.0002, "tfidf": 0.0002, "frozen": 0.0002},
    )
    return result


def ner(seed: int = 42) -> dict[str, Any]:
    """Return a result that finds named entities, with a learning curve."""
    labels = ["LOC", "ORG", "PER"]
    result = frame("ner", "harbour", "entity_f1", {"train": 3400, "dev": 400, "test": 1280}, labels, seed)

    def span(text: str, label: str, score: float | None = None) -> dict[str, Any]:
        start = NER_TEXT.index(text)
        found: dict[str, Any] = {"start": start, "end": start + len(text), "label": label}
        return found if score is None else found | {"score": score}

    true = [span("Anna Lindqvist", "PER"), span("Nordhafen Shipping", "ORG"), span("Kiel", "LOC")]
    guesses = [
        [span("Anna Lindqvist", "PER", 0.99), span("Nordhafen", "LOC", 0.97), span("Kiel", "LOC", 0.99)],
        [span("Anna", "PER", 0.96), span("Nordhafen Shipping", "ORG", 0.9)],
        [
            span("Anna Lindqvist", "PER", 0.99),
            span("Nordhafen Shipping", "ORG", 0.95),
            span("Kiel", "ORG", 0.91),
        ],
    ]
    result["mistakes"] = [
        {
            "id": str(i),
            "place": f"harbour.conll:{90 * i + 1}",
            "text": NER_TEXT,
            "label": true,
            "prediction": guess,
            "confidence": 0.97 - 0.03 * i,
        }
        for i, guess in enumerate(guesses)
    ]
    result["per_class"] = [
        {
            "label": label,
            "precision": interval(p, 0.03),
            "recall": interval(r, 0.04),
            "f1": interval(2 * p * r / (p + r), 0.035),
            "support": n,
        }
        for label, p, r, n in (("LOC", 0.71, 0.64, 410), ("ORG", 0.52, 0.41, 230), ("PER", 0.83, 0.78, 620))
    ]
    compared(
        result,
        {
            "fine-tuned": {"entity_f1": 0.552, "entity_precision": 0.61, "entity_recall": 0.504},
            "majority": {"entity_f1": 0.0, "entity_precision": 0.0, "entity_recall": 0.0},
            "frozen": {"entity_f1": 0.31, "entity_precision": 0.35, "entity_recall": 0.28},
        },
        0.03,
        {"majority": 0.0002, "frozen": 0.0002},
    )
    result["learning_curve"] = [
        {
            "system": system,
            "labels": labels,
            "score": interval(top * (1 - np.exp(-labels / scale)), 0.02),
            "seconds": labels / 60,
        }
        for system, top, scale in (("fine-tuned", 0.56, 500), ("scratch", 0.42, 2600))
        for labels in (100, 300, 1000, 3400)
    ]
    result["adaptation"] = {
        "tokens_per_word": 1.31,
        "unknown_share": 0.0004,
    }
    return result


ALL = {"binary": binary, "many": many, "multilabel": multilabel, "regression": regression, "ner": ner}
