"""A tuned model on disk and in use.

The folder is an ordinary Hugging Face model folder plus `feinschliff.json`, which holds what transformers has
no place for: the task, how texts are read, decision rules, the fingerprint of the data.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff import __version__, registry
from feinschliff.data import Records
from feinschliff.encode import Encoded, Reading, tokens_of
from feinschliff.errors import ConfigError, ModelError, ResourceError
from feinschliff.evaluate import Predictions
from feinschliff.evaluate.drift import Profile, Window, facts
from feinschliff.evaluate.novelty import Novelty
from feinschliff.models import load as loading
from feinschliff.models import onnx

if TYPE_CHECKING:
    from feinschliff.explain import Explanation

SPEC_FILE = "feinschliff.json"
PROFILE_FILE = "profile.json"
NOVELTY_FILE = "novelty.safetensors"
SCHEMA = 1

_ONE_AT_A_TIME = threading.RLock()
"""Threads may share a model, whose tokenizer and attention kernel are switched from batch to batch."""


@dataclass(frozen=True)
class Spec:
    """The content of `feinschliff.json`.

    Attributes:
        task: Name of the task.
        labels: Label names in the order of the logits.
        reading: How texts become tokens.
        decision: Decision rules, fitted on dev; see `feinschliff.evaluate.decide`.
        base_model: What was tuned.
        fingerprint: Of the data it was tuned on.
        columns: Its columns by their roles: `text`, `text_pair`, `label`.
        versions: Of the packages that made it.
    """

    task: str
    labels: tuple[str, ...]
    reading: Reading
    decision: dict[str, Any] = field(default_factory=dict)
    base_model: str = ""
    fingerprint: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """What the model says about one text.

    Attributes:
        label: The label; a list of labels for multilabel, a number for regression, None for ner and where the
            model is not sure enough to answer.
        score: Probability of the label, or of the one it would have given.
        probabilities: Probability of every label, where the task has them.
        spans: Entities with `start`, `end`, `label`, `score`, for ner.
        answered: False where the model does not know.
        possible: The labels, or the low and high end of the number, that hold the truth with the probability
            asked for in training (`decide.coverage`).
        novelty: The share of dev's texts that are less unlike the training texts; above 0.95 a text is
            unusual, and so may be what is said about it. None for ner and exported models.
    """

    label: Any
    score: float | None = None
    probabilities: dict[str, float] | None = None
    spans: list[dict[str, Any]] | None = None
    answered: bool = True
    possible: list[Any] | None = None
    novelty: float | None = None


class Model:
    """A tuned model, ready to predict.

    Args:
        network: A transformers model with a head.
        tokenizer: Its fast tokenizer.
        spec: What `feinschliff.json` holds.
        device: `auto`, `cpu`, `cuda`, ...
        precision: `auto`, `float32`, ...

    Attributes:
        profile: What the training data looked like, if that is known.
        novelty: Tells how unlike the training texts a text is, if that is known.
        watch: Collects what incoming texts look like, if set; see `evaluate.drift`.
    """

    profile: Profile | None = None
    novelty: Novelty | None = None
    watch: Window | None = None

    def __init__(
        self, network: Any, tokenizer: Any, spec: Spec, device: str = "auto", precision: str = "float32"
    ):
        from feinschliff.train.learner import Learner
        from feinschliff.train.precision import resolve_device, resolve_precision

        self.spec, self.tokenizer = spec, tokenizer
        where = resolve_device(device)
        self.learner: Any = Learner(
            network.to(where).eval(),
            registry.load("tasks", spec.task),
            where,
            resolve_precision(precision, where),
            tokenizer.pad_token_id,
        )

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.spec.task

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of probabilities."""
        return self.spec.labels

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Encoded:
        """Tokenise texts as this model reads them.

        Raises:
            ConfigError: the model reads pairs and none were given, or the other way round.
            ModelError: the tokenizer is not the model's.
        """
        if (pairs is not None) != self.spec.reading.pairs:
            raise ConfigError(
                "the model reads "
                + ("pairs of texts; give both" if self.spec.reading.pairs else "single texts, not pairs"),
                where="predict",
            )
        if pairs is not None and len(pairs) != len(texts):
            raise ConfigError(f"{len(texts)} texts and {len(pairs)} second texts", where="predict")
        encoded = self.spec.reading.encode(
            self.tokenizer, texts, pairs, units=self.learner.task.UNIT == "token"
        )
        rows, highest = self.learner.vocab_size, int(encoded.input_ids.max(initial=0))
        if highest >= rows:
            raise ModelError(
                f"the tokenizer makes token {highest}, but the model has only {rows}",
                where=self.spec.base_model or "model",
                hint="The tokenizer is not this model's",
            )
        return encoded

    def predictions(self, records: Records, progress: Callable[[int], None] | None = None) -> Predictions:
        """Predict for the records of a split; `progress` is told the windows done."""
        return self._predictions(records.texts, records.pairs, progress)

    def predict(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Prediction]:
        """Predict one `Prediction` per text, in order.

        Raises:
            ConfigError: `texts` is one string, or holds something that is none.
        """
        found = self._predictions(_strings(texts), None if pairs is None else _strings(pairs))
        return list(each(found))

    def predict_proba(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 [N, L], the probabilities in the order of `labels`.

        Raises:
            ConfigError: the task has no probabilities per text.
        """
        found = self._predictions(_strings(texts), None if pairs is None else _strings(pairs))
        if found.scores is None:
            raise ConfigError(f"the task {self.task} has no probabilities per text", where="predict_proba")
        return found.scores

    def explain(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        label: str | None = None,
        most_steps: int = 128,
    ) -> list[list[Explanation]]:
        """Say for each text which words speak for what is predicted, or for `label`.

        Args:
            texts, pairs: As for `predict`.
            label: A label of the model.
            most_steps: Passes a text may take: 8, 16, ..., 128; more where its weights do not add up yet.

        Returns:
            Per text its explanations: one for classification and regression, one per label for multilabel,
            one per entity for ner.

        Raises:
            ConfigError: the model has no such label, or was exported and has no gradients.
            MissingExtraError: the extra `explain` is not installed.
        """
        from feinschliff.explain import explain

        texts, pairs = _strings(texts), None if pairs is None else _strings(pairs)
        with _ONE_AT_A_TIME:
            predictions = self._predictions(texts, pairs)
            reading = dataclasses.replace(self.spec.reading, label_pieces="tokens")
            tokens = reading.encode(self.tokenizer, texts, pairs, units=True)
            encoded = self.encode(texts, pairs)
            return explain(self.learner, encoded, tokens, texts, pairs, predictions, label, most_steps)

    def _predictions(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        with _ONE_AT_A_TIME:
            encoded = self.encode(texts, pairs)
            if self.novelty is None:
                logits = self.learner.logits(encoded, progress)
            else:
                logits, vectors = self.learner.logits_and_vectors(encoded, progress)
        found = self.learner.task.decode(logits, encoded, self.labels, texts, self.spec.decision)
        if self.novelty is not None:
            found = dataclasses.replace(found, novelty=self.novelty.of(vectors))
        self.note(encoded, texts, pairs, found)
        return found

    def note(
        self, encoded: Encoded, texts: Sequence[str], pairs: Sequence[str] | None, found: Predictions
    ) -> None:
        """Let `watch`, if it is set, see texts and what was predicted for them."""
        if self.watch is not None:
            unknown = self.profile.unknown_id if self.profile else None
            self.watch.add(facts(texts, *tokens_of(encoded), unknown, found, pairs))


class OnnxModel(Model):
    """An exported model: the same texts, windows and decision rules, computed by onnxruntime without torch.

    Args:
        folder: What `feinschliff export` made.
        spec: What its `feinschliff.json` holds.
    """

    def __init__(self, folder: Path, spec: Spec):
        self.spec, self.tokenizer = spec, onnx.load_tokenizer(folder)
        self.learner: Any = onnx.OnnxLearner(folder, registry.load("tasks", spec.task))


def each(found: Predictions) -> Iterator[Prediction]:
    """Yield the predictions one by one."""
    for index, name in enumerate(found.names):
        if found.task == "ner":
            yield Prediction(None, spans=found.decided[index])
            continue
        score = probabilities = None
        if found.scores is not None:
            row = found.scores[index]
            probabilities = {label: float(p) for label, p in zip(found.labels, row, strict=True)}
            if found.task == "classification":
                score = float(row[found.decided[index]])
        answered = found.answered is None or bool(found.answered[index])
        possible = None if found.possible is None else found.possible_names(index)
        novelty = None if found.novelty is None else float(found.novelty[index])
        yield Prediction(name if answered else None, score, probabilities, None, answered, possible, novelty)


def load(folder: str | Path, device: str = "auto") -> Model:
    """Load a tuned model from a run's folder, its `model` folder, or an exported folder.

    Raises:
        ConfigError: there is no tuned model.
        ModelError: its files are damaged.
    """
    path = find(folder)
    spec = read_spec(path / SPEC_FILE)
    task = registry.load("tasks", spec.task)
    if (path / onnx.GRAPH_FILE).is_file():
        model: Model = OnnxModel(path, spec)
    else:
        network = loading.load_model(path, task.AUTO_CLASS, complete=True)
        model = Model(network, loading.load_tokenizer(path), spec, device)
        model.novelty = _read_novelty(path / NOVELTY_FILE)
    model.profile = _read_profile(path / PROFILE_FILE)
    return model


def find(folder: str | Path) -> Path:
    """Return the folder that holds `feinschliff.json`: the given one, or `model` in it.

    Raises:
        ConfigError: neither does.
    """
    for path in (Path(folder), Path(folder) / "model"):
        if (path / SPEC_FILE).is_file():
            return path
    if not Path(folder).exists():
        raise ConfigError(
            "there is no such folder", where=str(folder), hint="Train a model first: feinschliff train"
        )
    raise ConfigError(
        "is no tuned model",
        where=str(folder),
        allowed=f"Give a run's folder, or a model folder with {SPEC_FILE} in it",
    )


def save(model: Model, folder: Path, card: str = "") -> None:
    """Write the model folder, whole or not at all, and prove that it can be read back.

    Raises:
        ResourceError: it cannot be written, for want of space above all; nothing is left behind.
        ModelError: the reloaded weights differ from the saved ones.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    from feinschliff.train.checkpoint import reason

    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    network, tokenizer = model.learner.model, model.tokenizer
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = model.spec.reading.max_length_tokens
    spec = {"schema": SCHEMA, "feinschliff": __version__, **dataclasses.asdict(model.spec)}
    try:
        part.mkdir(parents=True)
        loading.quietly(lambda: network.save_pretrained(part))
        tokenizer.save_pretrained(part)
        (part / SPEC_FILE).write_text(json.dumps(spec, ensure_ascii=False, indent=1), encoding="utf-8")
        if model.profile:
            write_profile(model.profile, part)
        if model.novelty:
            save_file(vars(model.novelty), part / NOVELTY_FILE)
        if card:
            (part / "README.md").write_text(card, encoding="utf-8")
        _prove(model, part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except (OSError, SafetensorError) as error:
        raise ResourceError(f"the model cannot be written: {reason(error)}", where=str(folder)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _prove(model: Model, folder: Path) -> None:
    """Compare every saved tensor with the model's: what is lost now would be missed in production."""
    import torch

    task = registry.load("tasks", model.spec.task)
    again = loading.load_model(folder, task.AUTO_CLASS, complete=True).state_dict()
    for name, tensor in model.learner.model.state_dict().items():
        if name not in again or not torch.equal(again[name], tensor.cpu()):
            raise ModelError(f"weight '{name}' does not survive saving and loading", where=str(folder))


def read_spec(path: Path) -> Spec:
    """Read `feinschliff.json`.

    Raises:
        ModelError: it is damaged, or of another version.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree.pop("schema") != SCHEMA:
            raise ModelError(
                "was written by another version of Feinschliff", where=str(path), hint="Train again"
            )
        tree.pop("feinschliff", None)
        return Spec(**{**tree, "labels": tuple(tree["labels"]), "reading": Reading(**tree["reading"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None


def _read_novelty(path: Path) -> Novelty | None:
    if not path.is_file():
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return Novelty(**load_file(path))
    except (OSError, SafetensorError, TypeError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None


def write_profile(profile: Profile, folder: Path) -> None:
    """Write what the training data looked like beside a model."""
    (folder / PROFILE_FILE).write_text(json.dumps(profile.as_dict()), encoding="utf-8")


def _read_profile(path: Path) -> Profile | None:
    if not path.is_file():
        return None
    try:
        return Profile.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"is damaged ({type(error).__name__}: {error})", where=str(path)) from None


def _strings(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise ConfigError(
            "one string was given", where="predict", allowed="Give a list of strings: predict([text])"
        )
    found = list(texts)
    for index, text in enumerate(found):
        if not isinstance(text, str):
            raise ConfigError(f"text {index} is {type(text).__name__}, not a string", where="predict")
    return found
