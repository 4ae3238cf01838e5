"""The schema of `result.json`.

A result is a plain nested dictionary, so that any tool in any language reads it; the types below say what it
holds. Keys marked `Required` are the contract of schema 1 and are checked. All others may be absent, and the
report then leaves out what they would have shown. Keys that are not named here are kept.
"""

from __future__ import annotations

from typing import Any, Required

from pydantic import ConfigDict
from typing_extensions import TypedDict  # pydantic needs this TypedDict before Python 3.12

SCHEMA = 1
FINE_TUNED = "fine-tuned"
"""Name of the tuned model among `systems` and `comparisons`."""


class Open(TypedDict, total=False):
    """A group of keys that may grow."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]


class Interval(Open, total=False):
    """A score with the ends of its bootstrap interval; a null value means not defined on this data."""

    value: Required[float | None]
    low: float | None
    high: float | None


Scores = dict[str, Interval | float | None]
"""Scores by metric; a plain number has no interval."""


class ModelFacts(Open, total=False):
    """The pretrained model that was tuned."""

    source: Required[str]
    parameters: Required[int]
    trainable_parameters: Required[int]
    name: str | None
    hub_id: str | None
    licence: str | None
    languages: list[str] | None
    size_bytes: int | None
    max_length_tokens: int | None
    layers: int | None
    hidden_size: int | None
    vocabulary: int | None


class Bins(Open, total=False):
    """A histogram: `counts[i]` values lie in [`bins[i]`, `bins[i + 1]`)."""

    bins: Required[list[float]]
    counts: Required[list[int]]


class Lengths(Open, total=False):
    """How long the texts are, and how many are longer than the model's window."""

    tokens: Bins
    median: float | None
    p95: float | None
    max: float | None
    limit: int | None
    over_limit: int | None
    unit: str


class FindingFacts(Open, total=False):
    """One finding of the audit; see `feinschliff.data.dataset.Finding`."""

    kind: Required[str]
    severity: str
    count: int
    message: str
    action: str
    examples: list[dict[str, Any]]


class GroupFacts(Open):
    """Whose texts stand in test together, and whether intervals and tests draw groups instead of texts."""

    column: str
    test: int
    drawn: bool


class DataFacts(Open, total=False):
    """The data of the run and what the audit found."""

    fingerprint: Required[str]
    splits: Required[dict[str, int]]
    labels: Required[list[str]]
    audit: Required[dict[str, int]]
    columns: dict[str, Any] | None
    findings: list[FindingFacts] | None
    class_counts: dict[str, dict[str, int]] | None
    test_fingerprint: str | None
    lengths: Lengths | None
    groups: GroupFacts | None


class System(Open, total=False):
    """One system of the comparison: the tuned model or a baseline."""

    name: Required[str]
    metrics: Required[Scores]
    seconds: float | None
    energy_kwh: float | None
    title: str | None
    detail: str | None


class ComparisonFacts(Open, total=False):
    """A paired test of system `a` against `b` on the same test examples; the difference is a minus b."""

    a: Required[str]
    b: Required[str]
    metric: Required[str]
    difference: Required[float | None]
    low: float | None
    high: float | None
    p_value: float | None
    p_value_corrected: float | None


class Cost(Open, total=False):
    """What the training took."""

    train_seconds: float | None
    tokens: int | None
    tokens_per_second: float | None
    peak_memory_bytes: int | None
    energy_kwh: float | None


class CurvePoint(Open, total=False):
    """One look at the training; `dev_metric` is the primary metric on dev."""

    step: Required[int]
    epoch: float | None
    loss: float | None
    dev_loss: float | None
    dev_metric: float | None
    learning_rate: float | None
    seconds: float | None


class Training(Open, total=False):
    """How the training went."""

    curve: list[CurvePoint] | None
    best_step: int | None
    stopped: str | None
    settings: dict[str, Any] | None


class ClassScores(Open, total=False):
    """The scores of one class, label or entity type; `support` counts its true examples in test."""

    label: Required[str]
    precision: Interval | float | None
    recall: Interval | float | None
    f1: Interval | float | None
    support: int | None


class Confusion(Open, total=False):
    """Counts of test examples by true (row) and predicted (column) label."""

    labels: Required[list[str]]
    matrix: Required[list[list[int]]]


class Scatter(Open, total=False):
    """True and predicted numbers of the test split, or of a sample of it."""

    true: Required[list[float]]
    predicted: Required[list[float]]


class Mistake(Open, total=False):
    """A wrong prediction. `label` and `prediction`: a name, a list of names, a number, or a list of spans."""

    id: str | int | None
    place: str | None
    text: Required[str]
    text_pair: str | None
    label: Any
    prediction: Any
    confidence: float | None


class SliceFacts(Open, total=False):
    """A part of the test texts and the share of them with an error; see `feinschliff.evaluate.Slice`."""

    kind: Required[str]
    name: Required[str]
    count: int
    errors: Interval
    rest: float | None
    difference: Interval
    p_value: float | None


class ReliabilityBin(Open, total=False):
    """Predictions of similar confidence and how many of them were right (both means, 0 to 1)."""

    confidence: float | None
    accuracy: float | None
    low: float | None
    high: float | None
    count: int


class CalibrationScores(Open, total=False):
    """How well confidence agrees with being right; `ece` is the bias-corrected estimate."""

    ece: float | None
    ece_plain: float | None
    brier: float | None
    bins: list[ReliabilityBin] | None


class CalibrationFacts(Open, total=False):
    """Confidence before and after the scaling fitted on dev."""

    method: str | None
    temperature: float | None
    spans: dict[str, float] | None
    before: CalibrationScores | None
    after: CalibrationScores | None


class DecisionFacts(Open, total=False):
    """Answering only when sure, and the rules fitted on dev, measured on test; see `report/certainty.py`."""

    thresholds: dict[str, float] | None
    curve: list[dict[str, float]] | None
    area_under_risk: float | None
    goals: list[dict[str, Any]] | None
    answered: Interval | None
    accuracy: Interval | None
    metrics: Scores
    possible: dict[str, Any] | None
    unusual: dict[str, Any] | None


class RequirementFacts(Open, total=False):
    """A quality asked for, such as `macro_f1>=0.85`; `better` has the verdict in place of a value."""

    text: Required[str]
    reached: Required[bool]
    value: float | None
    verdict: str


class SeedTrial(Open, total=False):
    """The training with one seed: plain scores on dev and test, and whether the model holds its weights."""

    seed: Required[int]
    dev: dict[str, float | None]
    test: dict[str, float | None]
    seconds: float | None
    best_step: int | None
    kept: bool


class SeedFacts(Open, total=False):
    """Several trainings: `metrics` on test, each with mean, spread (standard deviation) and interval."""

    trials: Required[list[SeedTrial]]
    metrics: Required[dict[str, dict[str, float | None]]]


class LearningPoint(Open, total=False):
    """The primary metric of a system trained on the first `labels` training examples; `seconds` of one
    training, the mean where the run has several."""

    system: Required[str]
    labels: Required[int]
    score: Interval | float | None
    seconds: float | None


class CrossValidation(Open, total=False):
    """Scores of all texts, each predicted without having been seen, together and by fold."""

    folds: Required[int]
    texts: int | None
    metrics: Scores
    alone: list[dict[str, float | None]]


class LearningFit(Open, total=False):
    """What fits to the learning curves say; see `report/evidence.py`."""

    doubling: Interval | None
    needed: dict[str, int | None] | None
    most: int | None


class FlexibleFacts(Open, total=False):
    """What this task holds of its own, and other tasks on the same base; see `report/flexible.py`."""

    method: str | None
    base_bytes: int | None
    task_bytes: int | None
    shared_bytes: int | None
    labelled: int | None
    train_seconds: float | None
    others: list[dict[str, Any]]


class ExplanationFacts(Open, total=False):
    """Which words speak for the answers; see `report/reasons.py`."""

    texts: Required[int]
    gap: float | None
    typical: list[dict[str, Any]] | None
    deletion: dict[str, Any] | None


class LabelErrorFacts(Open, total=False):
    """Labels that look wrong: shares and counts by split, how many of them are listed in `label_errors.csv`,
    and the first rows; see `report/doubts.py`."""

    shares: dict[str, float]
    counts: dict[str, int]
    listed: int | None
    rows: list[dict[str, Any]]


class RobustnessFacts(Open, total=False):
    """The primary metric on texts as careless people write them; see `report/robust.py`."""

    texts: Required[int]
    metric: str | None
    value: float | None
    changes: list[dict[str, Any]] | None


class Adaptation(Open, total=False):
    """How the model reads the language of the data."""

    tokens_per_word: float | None
    unknown_share: float | None
    test_tokens_per_word: float | None
    new_words_share: float | None
    split_words: list[dict[str, Any]] | None


class Result(Open, total=False):
    """Everything a run measured."""

    schema: Required[int]
    feinschliff: Required[str]
    task: Required[str]
    primary_metric: Required[str]
    model: Required[ModelFacts]
    data: Required[DataFacts]
    metrics: Required[dict[str, Scores]]
    systems: Required[list[System]]
    comparisons: Required[list[ComparisonFacts]]
    cost: Required[Cost]
    environment: Required[dict[str, Any]]
    title: str | None
    created: str | None
    command: str | None
    language: str | None
    seed: int | None
    duration_seconds: float | None
    training: Training | None
    per_class: list[ClassScores] | None
    confusion: Confusion | None
    scatter: Scatter | None
    mistakes: list[Mistake] | None
    slices: list[SliceFacts] | None
    calibration: CalibrationFacts | None
    decisions: DecisionFacts | None
    requirements: list[RequirementFacts] | None
    seeds: SeedFacts | None
    learning_curve: list[LearningPoint] | None
    learning_fit: LearningFit | None
    cross_validation: CrossValidation | None
    adaptation: Adaptation | None
    flexible: FlexibleFacts | None
    explanations: ExplanationFacts | None
    label_errors: LabelErrorFacts | None
    robustness: RobustnessFacts | None
    config: dict[str, Any] | None
