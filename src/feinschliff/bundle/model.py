"""A tuned model in use: texts in, predictions out."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feinschliff import registry
from feinschliff.bundle.prediction import Prediction, each
from feinschliff.bundle.spec import Spec
from feinschliff.data import Kind, Records, kind_of
from feinschliff.encode import Encoded, tokens_of
from feinschliff.errors import ConfigError, ModelError, counted
from feinschliff.evaluate import Predictions
from feinschliff.evaluate.drift import Profile, Window, facts
from feinschliff.evaluate.novelty import Novelty
from feinschliff.models import onnx
from feinschliff.readers import without_surrogates

if TYPE_CHECKING:
    from feinschliff.explain import Explanation

_ONE_AT_A_TIME = threading.RLock()
"""Threads may share a model, whose tokenizer and attention kernel are switched from batch to batch."""


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
        from feinschliff.models.learner import Learner
        from feinschliff.models.precision import resolve_device, resolve_precision

        self.spec, self.tokenizer = spec, tokenizer
        where = resolve_device(device)
        self.learner: Any = Learner(
            network.to(where).eval(),
            registry.load("tasks", spec.task),
            where,
            resolve_precision(precision, where),
            tokenizer.pad_token_id,
        )

    def hasten(self) -> bool:
        """Compute in bfloat16 from now on, and in float32 where that could change a decision.

        Labels, spans and abstentions stay what they are; probabilities differ by about a hundredth at most,
        numbers (regression) by a hundredth of their spread. A span whose score lies at its label's limit may
        still go the other way. Takes the model's memory half again.

        Returns:
            Whether this hardware multiplies bfloat16; otherwise nothing changes.
        """
        from feinschliff.models.draft import drafting
        from feinschliff.models.precision import resolve_precision

        if resolve_precision("auto", self.learner.device) != "bfloat16":
            return False
        self.learner = drafting(self.learner, self.labels, self.spec.decision)
        return True

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.spec.task

    @property
    def kind(self) -> Kind:
        """Of which kind its answers are."""
        return kind_of(self.spec.task)

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
            raise ConfigError(
                f"{counted(len(texts), 'text')} and {counted(len(pairs), 'second text')}", where="predict"
            )
        encoded = self.spec.reading.encode(
            self.tokenizer, texts, pairs, units=self.learner.task.UNIT == "token"
        )
        encoded = self._with_one_end(encoded)
        rows, highest = self.learner.vocab_size, int(encoded.input_ids.max(initial=0))
        if highest >= rows:
            raise ModelError(
                f"the tokenizer makes token {highest}, but the model has only {rows}",
                where=self.spec.base_model or "model",
                hint="The tokenizer is not this model's",
            )
        return encoded

    def _with_one_end(self, encoded: Encoded) -> Encoded:
        """Return windows that an encoder-decoder can read; those of other models as they are."""
        from feinschliff.encode.ends import without_inner_ends

        config = getattr(getattr(self.learner, "model", None), "config", None)  # torch's learners have one
        if config is None or not config.is_encoder_decoder:
            return encoded
        pairs = ["a"] if self.spec.reading.pairs else None
        usual = self.spec.reading.encode(self.tokenizer, ["a"], pairs).input_ids
        num_ends = int((usual == config.eos_token_id).sum())
        other = self.tokenizer.unk_token_id
        other = self.tokenizer.pad_token_id if other is None else other
        return without_inner_ends(encoded, config.eos_token_id, num_ends, other)

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
        task = registry.load("tasks", spec.task)
        self.learner: Any = onnx.load_learner(folder, task, spec.labels, spec.decision)

    def hasten(self) -> bool:
        """Change nothing: an export computes as it was exported."""
        return False


def _strings(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise ConfigError(
            "one string was given", where="predict", allowed="Give a list of strings: predict([text])"
        )
    found = list(texts)
    for index, text in enumerate(found):
        if not isinstance(text, str):
            raise ConfigError(f"text {index} is {type(text).__name__}, not a string", where="predict")
    return [without_surrogates(text) for text in found]
