"""The section on careless writing: measured with the model, prepared for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from feinschliff.config import RunConfig
from feinschliff.data import Records
from feinschliff.evaluate import PRIMARY, Predictions, compare, metrics, statistics
from feinschliff.evaluate.perturb import CHANGES, perturbed
from feinschliff.evaluate.statistics import LOWER_IS_BETTER
from feinschliff.report import charts
from feinschliff.report.language import Language
from feinschliff.report.sampling import draw
from feinschliff.report.svg import scale
from feinschliff.report.values import View, ends, part, score

TOKENS_EACH = 96
"""For each text that is tried, see `sampling.draw`."""


def robustness_facts(
    model: Any, records: Records, predictions: Predictions, config: RunConfig
) -> dict[str, Any] | None:
    """Return the `robustness` part: the primary metric after each change of the texts.

    Args:
        model: A `bundle.Model`.
        records: Of the test split.
        predictions: What the model says about them as they are.
        config: Says how many texts are tried.

    Returns:
        `texts`, and `changes`: {"change", "altered": share of texts that became others, "same": share of
        those with the same answer, "metric", "value" with it, "difference": value minus that of the texts as
        they are, with its paired interval}. None where nothing is to be tried.
    """
    rows = draw(model, records, config.evaluate.robustness_texts, TOKENS_EACH, config.seed)
    if len(rows) < 2:
        return None
    chosen, plain = records.take(rows), predictions.take(rows)
    settings, metric = config.evaluate, PRIMARY[predictions.kind]
    before = statistics(predictions.kind, chosen.targets, plain, chosen.groups)
    found = []
    for change in CHANGES:
        texts, pairs, targets = perturbed(chosen, change, config.seed)
        is_other = [a != b for a, b in zip(texts, chosen.texts, strict=True)]
        if pairs is not None and chosen.pairs is not None:
            is_other = [o or a != b for o, a, b in zip(is_other, pairs, chosen.pairs, strict=True)]
        if not any(is_other):
            found.append({"change": change, "altered": 0.0})
            continue
        written = {"text": texts} | ({} if pairs is None else {"text_pair": pairs})
        said = model.predictions(Records(pa.table(written)))
        after = statistics(predictions.kind, targets, said, chosen.groups)
        test = compare(after, before, metric, settings.bootstrap_samples, settings.confidence, config.seed)
        found.append(
            {
                "change": change,
                "altered": float(np.mean(is_other)),
                "same": _same(plain, said, np.array(is_other)),
                "metric": metric,
                "value": metrics(after)[metric],
                "difference": {"value": test.difference, "low": test.low, "high": test.high},
            }
        )
    return {"texts": len(rows), "metric": metric, "value": metrics(before)[metric], "changes": found}


def _same(before: Predictions, after: Predictions, altered: np.ndarray) -> float | None:
    """Return the share of altered texts with the same answer; None for numbers and entities."""
    if before.kind not in ("classification", "multilabel"):
        return None
    equal = before.decided == after.decided
    return float((equal.all(1) if equal.ndim == 2 else equal)[altered].mean())


def robust(result: Mapping[str, Any], words: Language) -> View | None:
    """Prepare the changes side by side."""
    facts = part(result, "robustness")
    changes = [c for c in facts.get("changes") or () if c.get("change")]
    if not changes:
        return None
    metric = facts.get("metric") or ""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    known = [score(c.get("difference")) for c in changes]
    on = scale([v for own in known for v in own.values()], include=[0.0])
    rows = []
    for change, own in zip(changes, known, strict=True):
        ends_of = [sign * end for end in (own["low"], own["high"]) if end is not None]
        kind = "worse" if ends_of and max(ends_of) < 0 else "plain"
        rows.append(
            {
                "name": words.find("changes", change["change"]),
                "value": words.number(change.get("value")),
                "difference": words.signed(own["value"]),
                "ends": ends(own, words, signed=True),
                "same": words.percent(change.get("same"), 0),
                "altered": words.percent(change.get("altered"), 0),
                "chart": charts.interval(own, on, kind, zero=True) if own["value"] is not None else "",
            }
        )
    return {
        "rows": rows,
        "axis": charts.interval_axis(on, words, signed=True),
        "metric": words.find("metrics", metric),
        "text": words(
            "robust.plain", metric=words.find("metrics", metric), value=words.number(facts.get("value"))
        ),
        "note": words("robust.note", count=facts.get("texts") or 0),
    }
