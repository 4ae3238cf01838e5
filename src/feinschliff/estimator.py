"""Text classification as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from feinschliff.errors import ConfigError, DataError, counted
from feinschliff.readers import without_surrogates


class FeinschliffClassifier(ClassifierMixin, BaseEstimator):
    """Fine-tune a pretrained model to tell texts apart; for `cross_val_score`, `Pipeline` and their like.

    A part of the training data (`data.dev_share`) chooses the best weights. Nothing is written to disk, and
    no baselines are trained: for a report, use `feinschliff.train`.

    Args:
        model: Base model: a name of `feinschliff models`, a hub id, or a folder.
        settings: Single settings by their dotted names: {"train.epochs": 2}.
        random_state: Seed of everything random, or what draws it; None draws another one in each `fit`.

    Attributes:
        classes_: The labels, sorted; the order of `predict_proba`'s columns.
        model_: The tuned `Model`.
    """

    def __init__(
        self,
        model: str = "minilm",
        settings: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 42,
    ):
        self.model = model
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Iterable[str], y: Iterable[Any]) -> FeinschliffClassifier:
        """Tune the model.

        Args:
            X: Texts, N of them.
            y: Their labels: strings, numbers or booleans.

        Raises:
            DataError: X and y differ in length, hold something that is no text or no label, or there is only
                one class.
        """
        from feinschliff.pipeline import tune

        texts, labels = as_texts(X), as_labels(y)
        if len(texts) != len(labels):
            raise DataError(f"{counted(len(texts), 'text')} and {counted(len(labels), 'label')}", where="fit")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        names = [str(c) for c in self.classes_]
        if len(set(names)) < 2:
            raise DataError(f"there is only one class: {', '.join(names)}", where="fit")
        config = self._config()
        self.model_ = tune(config, _dataset(texts, [names[c] for c in codes], config))
        self._columns = [self.model_.labels.index(name) for name in names]
        return self

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        """Return float32 [N, L], the probabilities in the order of `classes_`."""
        check_is_fitted(self, "model_")
        return self.model_.predict_proba(as_texts(X))[:, self._columns]

    def predict(self, X: Iterable[str]) -> np.ndarray:
        """Return the labels, [N]: the most probable ones, or those that costs and goals in `settings` prefer.

        Where these rules withhold an answer, the label is still given, for an estimator must answer; see
        `is_answered`.
        """
        found = self._predictions(X)
        places = {name: i for i, name in enumerate(map(str, self.classes_))}
        return self.classes_[[places[name] for name in found.names]]

    def is_answered(self, X: Iterable[str]) -> np.ndarray:
        """Return bool [N], whether the rules in `settings`, such as `decide.goal`, allow an answer."""
        found = self._predictions(X)
        return np.ones(len(found), bool) if found.answered is None else found.answered

    def _predictions(self, X: Iterable[str]) -> Any:
        import pyarrow as pa

        from feinschliff.data import Records

        check_is_fitted(self, "model_")
        return self.model_.predictions(Records(pa.table({"text": pa.array(as_texts(X), pa.string())})))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags

    def _config(self) -> Any:
        from feinschliff.config import load_config

        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        values = {"task": "classification", "model.source": str(self.model), "seed": int(seed)}
        return load_config(values={**values, **(self.settings or {})})


def as_texts(values: Iterable[Any]) -> list[str]:
    """Return the texts of a list, an array, a series, or a frame with one column.

    Raises:
        ConfigError: it is a single string, or has several columns.
        DataError: it holds something that is no text.
    """
    if isinstance(values, str):
        raise ConfigError("one string was given", where="X", allowed="Give a list of strings")
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) == 2:
        if shape[1] != 1:
            raise ConfigError(f"there are {shape[1]} columns", where="X", allowed="Give one column of texts")
        values = np.asarray(values)[:, 0]
    texts = list(values)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"row {row} is {type(text).__name__}, not a text", where="X")
    return [without_surrogates(str(text)) for text in texts]


def as_labels(values: Iterable[Any]) -> np.ndarray:
    """Return the labels of a list, an array, a series, or a frame with one column, [N].

    Raises:
        ConfigError: there are several columns.
        DataError: there are none, or one is missing.
    """
    given = values if hasattr(values, "shape") else list(values)
    labels = np.asarray(given, object)  # beside strings, NaN would become one of them
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ConfigError(f"it has the shape {labels.shape}", where="y", allowed="Give one label per text")
    if not len(labels):
        raise DataError("there are no labels", where="y")
    missing = [row for row, label in enumerate(labels.tolist()) if _is_missing(label)]
    if missing:
        raise DataError(
            f"{counted(len(missing), 'label is', 'labels are')} missing, the first in row {missing[0]}",
            where="y",
        )
    plain = np.asarray(given).reshape(-1)
    return np.asarray(plain.tolist()) if plain.dtype == object else plain


def _is_missing(label: Any) -> bool:
    """Tell None, NaN and pandas' NA, which cannot be compared, from labels."""
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def _dataset(texts: list[str], labels: list[str], config: Any) -> Any:
    """Return a dataset of train and dev, without test."""
    import pyarrow as pa

    from feinschliff.data import Columns, Dataset, Records
    from feinschliff.data.split import divide

    numbers = [str(row + 1) for row in range(len(texts))]
    records = Records(
        pa.table(
            {"id": numbers, "place": [f"row {n}" for n in numbers], "text": texts, "target": labels},
            schema=pa.schema([(n, pa.string()) for n in ("id", "place", "text", "target")]),
        )
    )
    share = config.data.dev_share
    part = divide(records, "classification", [1 - share, share], np.arange(len(records)), config.seed, (1, 5))
    dev = records.take(np.flatnonzero(part == 1))
    return Dataset(
        task="classification",
        labels=tuple(sorted(set(labels))),
        train=records.take(np.flatnonzero(part == 0)),
        dev=dev if len(dev) else records,
        test=records.take([]),
        columns=Columns("classification", "text", "label"),
    )
