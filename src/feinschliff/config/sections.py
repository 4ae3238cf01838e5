"""The settings in their sections; one exists only if it does something."""

from __future__ import annotations

from typing import Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class Section(BaseModel):
    """A group of settings; unknown names are refused, and one value will do where a list is meant."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    @field_validator("*", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        if get_origin(cls.model_fields[str(info.field_name)].annotation) is not tuple:
            return value
        return () if value is None else [value] if isinstance(value, str | int | float) else value


class DataConfig(Section):
    """Where the data lies, which columns mean what, how it is split and judged."""

    train: str | None = Field(None, description="File, folder or `hf://owner/name` with the labelled texts.")
    dev: str | None = Field(
        None, description="Labelled texts for choosing epochs and thresholds; otherwise a part of train."
    )
    test: str | None = Field(
        None, description="Labelled texts for the final scores; otherwise a part of train."
    )
    format: str = Field("auto", description="Reader to use; `auto` goes by the file's name and content.")
    delimiter: str | None = Field(None, description="Column separator of a CSV file; found when not given.")
    header: bool | None = Field(
        None,
        description="Whether the first row of a CSV file or sheet names the columns; found when not given.",
    )
    sheet: str | None = Field(
        None, description="Sheet of an Excel workbook; the first one with rows when not given."
    )
    encoding: str | None = Field(None, description="Character encoding; found when not given.")
    tag_scheme: Literal["auto", "io", "iob1", "iob2", "bioes", "bilou"] = Field(
        "auto", description="How the tags of tokens mark entities; `iob1` also accepts tags out of order."
    )
    tag_column: int | str | None = Field(
        None,
        description="Column of a CoNLL file with the tags, by its number from 1 or its name; "
        "the last one of tags when not given.",
    )
    text: str | None = Field(
        None,
        description="Column with the text, or with lists of its paragraphs; `document.text` is what lies "
        "inside an object.",
    )
    text_pair: str | None = Field(
        None,
        description="Column with the second text of a pair; found by its name when not given, `none` for "
        "single texts.",
    )
    label: str | None = Field(
        None, description="Column with the label or labels; `a,b,c` for a column of 0 and 1 for each label."
    )
    id: str | None = Field(None, description="Column that identifies a row.")
    group: str | None = Field(
        None,
        description="Column whose values never stand on both sides of a split (product, author, document); "
        "found by its name when not given, `none` for no group.",
    )
    time: str | None = Field(
        None, description="Column with a date or time: the newest rows become test, the next newest dev."
    )
    split: str | None = Field(
        None,
        description="Column that marks rows for train, dev and test; found by what it holds when not "
        "given and neither dev nor test is a file, `none` to split anew.",
    )
    dev_share: float = Field(0.1, gt=0, lt=0.5, description="Share of train taken as dev when none is given.")
    test_share: float = Field(0.2, gt=0, lt=0.5, description="Share taken as test when none is given.")
    remove: tuple[str, ...] = Field(
        ("empty", "exact_duplicates", "leaked_into_test", "leaked_into_dev", "chained_groups"),
        description="Kinds of faulty training rows that are left out; the test side is never touched.",
    )
    refuse: tuple[str, ...] = Field(
        (), description="Kinds of findings, those of `remove` and others, that stop the run with exit code 3."
    )


class ModelConfig(Section):
    """The pretrained model and how text is given to it."""

    source: str = Field(
        "minilm",
        description="Hub id, folder, or name of a packaged model (`feinschliff models` lists them).",
    )
    revision: str | None = Field(None, description="Branch, tag or commit of a hub model.")
    max_length_tokens: int | None = Field(
        None,
        ge=8,
        description="Longest window of one text, in tokens; the model's own limit (at most 512) if not set.",
    )
    long_text: Literal["windows", "truncate"] = Field(
        "windows", description="Texts longer than the model: read in overlapping windows to the end, or cut."
    )
    window_overlap_tokens: int = Field(32, ge=0, description="Tokens shared by neighbouring windows.")
    label_pieces: Literal["first", "all"] = Field(
        "first", description="Tokens of a word that carry its label, in tasks that label words."
    )
    words: Literal["auto", "narrow", "wide"] = Field(
        "auto",
        description="What counts as a word, in tasks that label words: `wide` ones hold signs that join "
        "their parts (`IL-2`, `AT&T`, `#tag`, `www.x.de`), `narrow` ones end at every sign; `auto` is wide "
        "unless entities of train end within such words.",
    )
    max_train_windows: int = Field(
        8, ge=1, description="Windows of one text used in a training step; prediction always reads all."
    )


class TrainConfig(Section):
    """How the weights are tuned. `null` means: chosen by the rules recorded in docs/experiments.md."""

    method: Literal["full", "lora"] = Field(
        "full", description="Train all weights, or with `lora` small matrices beside those of the layers."
    )
    lora_rank: int = Field(16, ge=1, le=1024, description="Columns of the matrices that `lora` trains.")
    learning_rate: float | None = Field(None, gt=0, le=1, description="Peak learning rate of the top layer.")
    head_learning_rate: float | None = Field(
        None, gt=0, le=1, description="Peak learning rate of the new classification head."
    )
    epochs: float | None = Field(None, gt=0, le=1000, description="Passes over the training data.")
    batch_size: int | None = Field(None, ge=1, description="Texts per optimiser step.")
    micro_batch_tokens: int | None = Field(
        None, ge=64, description="Most tokens, padding included, computed at once; larger batches accumulate."
    )
    warmup_share: float = Field(0.1, ge=0, le=1, description="Share of the steps in which the rate rises.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="Course of the learning rate after warm-up."
    )
    layer_decay: float | None = Field(
        None, gt=0, le=1, description="Factor on the learning rate from each layer to the one below it."
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="AdamW's decoupled weight decay.")
    dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Dropout in the backbone, but for attention, and before the head, while training.",
    )
    loss: Literal["cross_entropy", "focal"] = Field(
        "cross_entropy",
        description="Loss of labels; `focal` gives less weight to what the model gets right already.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the target spread over all classes."
    )
    class_weights: Literal["none", "balanced", "sqrt"] = Field(
        "none",
        description="Weight of a class in the loss: equal, inverse to its count, or to the count's root.",
    )
    freeze_layers: int = Field(
        0, ge=0, description="Lowest layers, embeddings included, that stay as pretrained."
    )
    unfreeze_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Gradual unfreezing: share of the steps in which training reaches down from the head to "
        "the embeddings, layer by layer; 0 trains all layers from the first step.",
    )
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    evaluations_per_epoch: int = Field(1, ge=1, le=100, description="Evaluations on dev per epoch.")
    patience: int = Field(
        3,
        ge=1,
        description="Training stops after this many evaluations on dev in a row that are clearly worse than "
        "the best and do not lower the loss.",
    )
    seeds: int = Field(
        1,
        ge=1,
        le=100,
        description="Trainings with different seeds; the best on dev is kept, or the average of the weights "
        "of several where that is not worse on dev.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Number format of the computation; `auto` takes bfloat16 where hardware computes it, and "
        "where nothing tells (ARM, MPS) what `feinschliff models --probe` found.",
    )
    device: str = Field("auto", description="`auto`, `cpu`, `cuda`, `cuda:1` or `mps`.")
    sharding: Literal["none", "full"] = Field(
        "none",
        description="With several processes: `none` gives each the whole model; `full` shares weights, "
        "gradients and optimiser state out among them (FSDP), where training needs more memory than one has.",
    )
    checkpoint_minutes: float = Field(10.0, gt=0, description="Minutes between checkpoints.")
    trackers: tuple[Literal["tensorboard", "mlflow", "wandb", "trackio"], ...] = Field(
        (), description="Experiment trackers that are told how training goes."
    )
    energy: bool = Field(
        False, description="Measure the energy of training; an estimate where the machine has no counters."
    )
    keep_checkpoints: bool = Field(False, description="Keep the checkpoints after a finished run.")


class EvaluateConfig(Section):
    """What the model is compared with, and how sure the numbers are."""

    baselines: tuple[str, ...] = Field(
        ("majority", "tfidf", "frozen"), description="Systems trained on the same data for comparison."
    )
    evidence: Literal["normal", "full"] = Field(
        "normal",
        description="`full` also trains the same architecture from random weights, and both on an eighth, a "
        "quarter and half of the data; it takes several times as long.",
    )
    bootstrap_samples: int = Field(
        2000, ge=100, le=100_000, description="Resamples behind each interval and paired test."
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Confidence level of the intervals.")
    folds: int = Field(
        1,
        ge=1,
        le=100,
        description="Trainings for a cross-validation over all texts, for small data; 1 for none.",
    )
    label_errors: bool = Field(
        True,
        description="List labels to look at again, because models that have not seen them say otherwise; "
        "those of train need the baseline `frozen` or `tfidf`.",
    )
    robustness_texts: int = Field(
        300,
        ge=0,
        le=1_000_000,
        description="Test texts that are also tried with typing errors, other case, blanks, accents and "
        "punctuation, fewer and rather short ones where texts have more than some 96 tokens; 0 for none.",
    )
    explain_texts: int = Field(
        60,
        ge=0,
        le=100_000,
        description="Test texts whose words are weighed for the report, where the extra `explain` is "
        "installed, fewer and rather short ones where texts have more than some 64 tokens; 0 for none.",
    )
    require: tuple[str, ...] = Field(
        (),
        description="Qualities that must be reached, such as `macro_f1>=0.85`; otherwise exit code 4. "
        "`better`: the verdict is to use the model, clearly better than every baseline, no goal missed.",
    )


class DecideConfig(Section):
    """How probabilities become decisions; the rules are fitted on dev and kept with the model."""

    calibration: Literal["auto", "temperature", "vector", "none"] = Field(
        "auto",
        description="Scaling of the logits so that 90 % sure is right nine times in ten: one number for all "
        "labels, or two for each; `auto` takes the second where dev shows it to be better, and makes a model "
        "surer only where dev clearly shows that it should be.",
    )
    goal: tuple[str, ...] = Field(
        (),
        description="What decisions must reach, such as `precision>=0.95`, `precision(spam)>=0.99`, "
        "`recall(spam)>=0.9`, `accuracy>=0.97` or `f1`; where it takes that, some texts get no answer.",
    )
    goal_level: float = Field(
        0.95,
        ge=0.5,
        lt=1,
        description="How sure it must be, from dev, that a goal, or the coverage, is reached.",
    )
    costs: dict[str, dict[str, float]] | None = Field(
        None,
        description="What an answer costs, by true and answered label: `{spam: {ham: 1}, ham: {spam: 9}}`.",
    )
    unsure_cost: float | None = Field(
        None, ge=0, description="What no answer costs, in the unit of `decide.costs`; null: always answer."
    )
    coverage: float | None = Field(
        None,
        ge=0.5,
        lt=1,
        description="Also name all labels that are possible, so that the true one is among them this often.",
    )


class AdaptConfig(Section):
    """How `feinschliff adapt` teaches a model the language of a domain, from raw texts."""

    corpus: tuple[str, ...] = Field(
        (), description="Files, folders or `hf://owner/name` with the raw texts of the domain."
    )
    objective: str = Field(
        "auto",
        description="What is learnt from the texts: `mlm` (hidden tokens), `anchored` (hidden tokens, while "
        "the vectors of texts stay), `denoising` (whole texts from a vector of what was left of them), "
        "`contrastive` (which pieces stood together), `causal` (the next token); `auto` goes by the model.",
    )
    block_tokens: int = Field(
        128, ge=16, description="Tokens of one training text; longer documents are cut, short ones joined."
    )
    mask_share: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the tokens that are hidden, to be found."
    )
    whole_words: bool = Field(False, description="Hide all pieces of a word together.")
    heldout_share: float = Field(
        0.1, gt=0, lt=0.5, description="Share of the documents held out: half to stop by, half to measure."
    )
    head_steps: int = Field(
        50, ge=1, description="Steps in which a new language-model head is tuned before anything else is."
    )
    general: str | None = Field(
        None,
        description="General texts whose loss is measured before and after, to watch forgetting; if not set, "
        "a small sample in English or German that comes with Feinschliff, `none` for no watch.",
    )
    mix_share: float = Field(
        0.0, ge=0, lt=0.9, description="Share of general texts (`adapt.general`) among those learnt from."
    )
    add_words: int = Field(
        0,
        ge=0,
        le=50_000,
        description="Frequent words of the domain that get a token of their own, those first that are split "
        "most.",
    )
    probe: tuple[str, ...] = Field(
        (),
        description="Labelled texts to learn from and to test on: a task trained from the model before and "
        "after, to see what is gained.",
    )
    probe_labels: tuple[int, ...] = Field(
        (50, 200, 1000, 0), description="Numbers of labelled texts in these trainings; 0 stands for all."
    )
    probe_seeds: int = Field(5, ge=2, le=100, description="Such trainings for each number and model.")


class ReportConfig(Section):
    """What the report shows."""

    title: str | None = Field(
        None, description="Headline of the report; made from the file's name if not set."
    )
    language: Literal["en", "de"] = Field("en", description="Language of the report.")
    max_mistakes: int = Field(
        20, ge=0, le=1000, description="Most confident mistakes shown with their texts."
    )


class RunConfig(Section):
    """A run: a function of this configuration and the data."""

    task: str = Field("auto", description="Task to learn; `auto` goes by the data.")
    seed: int = Field(42, ge=0, lt=2**31, description="Seed of everything random.")
    output_dir: str | None = Field(None, description="Folder of the run; `runs/<name>-<number>` if not set.")
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    decide: DecideConfig = Field(default_factory=DecideConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    adapt: AdaptConfig = Field(default_factory=AdaptConfig)
    report: ReportConfig = Field(default_factory=ReportConfig)
