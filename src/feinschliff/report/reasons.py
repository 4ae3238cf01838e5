"""The section on why the model answers as it does: gathered from the model, prepared for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.config import RunConfig
from feinschliff.data import Records
from feinschliff.report import charts
from feinschliff.report.excerpts import shorten
from feinschliff.report.language import Language
from feinschliff.report.sampling import CANDIDATES, draw, within
from feinschliff.report.values import View, part, score

if TYPE_CHECKING:
    from feinschliff.explain import Explanation

KINDS = ("classification", "multilabel")
MOST_STEPS = 16
"""Steps of the integration, fewer than for single predictions: their order is the same, their sum is not as
exact."""
TOKENS_EACH = 64
"""For each text that is explained, see `sampling.draw`."""
EXPLAINED_MISTAKES, MISTAKEN_TOKENS = 8, 2048
"""The first mistakes that fit both."""
REASONS = 5
"""Words named for a mistake."""
MAX_LABELS = 80


def explanation_facts(
    model: Any, records: Records, mistakes: Sequence[Any], config: RunConfig
) -> dict[str, Any] | None:
    """Return the `explanations` part, and put into the first mistakes the words that led to them.

    Args:
        model: A `bundle.Model`.
        records: Of the test split.
        mistakes: As `result.json` holds them.
        config: Says how many texts are explained.

    Returns:
        `texts`, `typical` (see `explain.typical_words`) and `deletion` (see `explain.faithful.Deletion`);
        None for other tasks, and where no texts are to be explained.
    """
    if model.kind not in KINDS:
        return None
    rows = draw(model, records, config.evaluate.explain_texts, TOKENS_EACH, config.seed)
    if not len(rows):
        return None
    from feinschliff.explain.faithful import deletion
    from feinschliff.explain.typical import typical_words

    chosen = records.take(rows)
    found = model.explain(chosen.texts, chosen.pairs, most_steps=MOST_STEPS)
    checked = deletion(
        chosen.texts,
        chosen.pairs,
        first := [own[0] for own in found],
        _scorer(model, first),
        config.evaluate.confidence,
        config.seed,
    )
    _give_reasons(model, records, mistakes)
    return {
        "texts": len(rows),
        "gap": float(np.median([e.gap for e in first])),
        "typical": typical_words(e for own in found for e in own),
        "deletion": checked.as_dict() if checked else None,
    }


def _scorer(model: Any, explanations: Sequence[Explanation]) -> Any:
    columns = np.array([model.labels.index(e.label) for e in explanations])

    def score(texts: list[str], pairs: list[str] | None, rows: list[int]) -> np.ndarray:
        return model.predict_proba(texts, pairs)[np.arange(len(texts)), columns[rows]]

    return score


def _give_reasons(model: Any, records: Records, mistakes: Sequence[Any]) -> None:
    """Put `reasons` into mistakes of classification: the words that spoke most for the wrong answer."""
    if model.kind != "classification" or not mistakes:
        return
    row = {key: i for i, key in enumerate(zip(records.ids, records.table["place"].to_pylist(), strict=True))}
    wrong = {row[m["id"], m["place"]]: m for m in mistakes[: CANDIDATES * EXPLAINED_MISTAKES]}
    kept = within(model, records, wrong, EXPLAINED_MISTAKES, MISTAKEN_TOKENS)
    some = records.take(kept)
    found = model.explain(some.texts, some.pairs, most_steps=MOST_STEPS)
    for number, (explanation, *_) in zip(kept, found, strict=True):
        words = [w for w in explanation.words if w["weight"] > 0 and any(map(str.isalnum, w["text"]))]
        words.sort(key=lambda w: -w["weight"])
        wrong[number]["reasons"] = [{k: w[k] for k in ("text", "weight")} for w in words[:REASONS]]


def reasons(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare label-typical words and the check of the explanations."""
    facts = part(result, "explanations")
    if not facts:
        return None
    checked = part(facts, "deletion")
    gain = score(checked.get("gain"))
    text = ""
    if gain["value"] is not None:
        points = {key: words.signed(100 * (value or 0.0), 1) for key, value in gain.items()}
        points["value"] = points["value"].removeprefix("+")
        text = words(
            "reasons.holds" if (gain["low"] or 0.0) > 0 else "reasons.doubtful",
            gain=points["value"],
            ends=words("figures.interval", low=points["low"], high=points["high"]),
            count=checked.get("texts") or 0,
        )
    return {
        "text": text,
        "chart": charts.deletion(checked, words),
        "rows": [
            {
                "label": shorten(str(row.get("label")), 120),
                "count": words.count(row.get("texts")),
                "words": [
                    (
                        shorten(str(w.get("word")), 40),
                        words.signed(w.get("weight"), 1),
                        words.count(w.get("texts")),
                    )
                    for w in row.get("words") or ()
                ],
            }
            for row in (facts.get("typical") or ())[:MAX_LABELS]
        ],
        "note": words("reasons.note", count=facts.get("texts") or 0),
    }
