"""The baselines: fitted on the same data as the model, while its backbone is still as pretrained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff.config import RunConfig
from feinschliff.data import Dataset, Records
from feinschliff.train.events import Listener, Stage

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.encode import Encoded
    from feinschliff.tasks._spans import Units


def fit_baselines(
    config: RunConfig,
    dataset: Dataset,
    model: Model,
    encoded: Mapping[str, Encoded],
    baselines: Mapping[str, Any],
    listen: Listener,
) -> tuple[list[Any], Any]:
    """Fit the baselines while the backbone is still as pretrained, and let them predict test.

    Returns:
        The contenders, and what the best suited of them says about each training text when fitted without it,
        to find wrong labels by; None where there is none.
    """
    from feinschliff.baselines._cross import cross_predict
    from feinschliff.report.collect import Contender
    from feinschliff.report.doubts import KINDS
    from feinschliff.train.energy import metered

    embed = _Embedder(model, dataset, encoded)
    found = []
    for name, baseline in baselines.items():
        if dataset.kind not in baseline.KINDS:
            continue
        title = getattr(baseline, "TITLES", {}).get(dataset.kind, baseline.TITLE)
        listen(Stage("baselines", title))
        with metered(config.train.energy) as meter:
            begun = time.perf_counter()
            predictions = baseline.fit(dataset, config, embed).predict(dataset.test)
            seconds = time.perf_counter() - begun
        found.append(Contender(name, title, predictions, seconds, energy_kwh=meter.kwh))
    judges = [name for name in ("frozen", "tfidf") if name in baselines]
    if not (judges and dataset.kind in KINDS and config.evaluate.label_errors):
        return found, None
    listen(Stage("baselines", "labels that look wrong"))
    return found, cross_predict(baselines[judges[0]], dataset, config, embed)


class _Embedder:
    """Vectors of the splits from the untuned backbone, each computed once."""

    def __init__(self, model: Model, dataset: Dataset, encoded: Mapping[str, Encoded]):
        self.model = model
        self.known = {id(getattr(dataset, name)): encoded[name] for name in encoded}
        self.vectors: dict[int, np.ndarray] = {}

    def __call__(self, records: Records) -> np.ndarray:
        from feinschliff.models.embed import embed

        key = id(records)
        if key not in self.vectors:
            encoded = (
                self.known[key] if key in self.known else self.model.encode(records.texts, records.pairs)
            )
            vectors = embed(self.model.learner.model.base_model, encoded, *self._how())
            if key not in self.known:
                return vectors
            self.vectors[key] = vectors
        return self.vectors[key]

    def words(self, records: Records) -> tuple[Units, np.ndarray]:
        from feinschliff.models.embed import embed_tokens
        from feinschliff.tasks._spans import units

        encoded = self.model.encode(records.texts, records.pairs)
        words = units(encoded)
        return words, embed_tokens(self.model.learner.model.base_model, encoded, words.token, *self._how())

    def _how(self) -> tuple[Any, int, Any]:
        from feinschliff.models.precision import autocast

        learner = self.model.learner
        return learner.device, learner.pad_id, autocast(learner.device, learner.precision)
