"""A run, from data to report: the one file that knows the order."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from feinschliff import __version__, registry
from feinschliff.config import RunConfig, TrainConfig, dump_config
from feinschliff.data import Dataset, Records
from feinschliff.errors import ConfigError, DataError, MissingExtraError, QualityError
from feinschliff.evaluate import goal, requirement, statistics
from feinschliff.evaluate.goals import require_reachable
from feinschliff.readers import Table
from feinschliff.train.events import Listener, Notice, Stage, ignore

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.encode import Encoded
    from feinschliff.report.result import Result
    from feinschliff.train.rates import RangeTest


def run(
    config: RunConfig,
    *,
    tables: Mapping[str, Table] | None = None,
    listen: Listener = ignore,
    resume: bool = False,
    overwrite: bool = False,
) -> Result:
    """Train, evaluate and report as configured.

    Args:
        config: The run. Settings left to the defaults are resolved and saved in the run's folder.
        tables: `train`, `dev`, `test` in memory, instead of the sources in `config.data`.
        listen: Told what happens.
        resume: Go on from the checkpoints in `config.output_dir`.
        overwrite: Replace an earlier run in `config.output_dir`.

    Returns:
        The content of `result.json`. Where a launcher started several processes, only the first one writes
        and has a result; the others help it to train, and get an empty one.

    Raises:
        FeinschliffError: see its kinds; `QualityError` when a requirement is not met, after all is written.
    """
    from feinschliff.train.processes import together

    with together() as crew:
        if crew.is_first:
            return _run(config, tables or {}, listen, resume, overwrite)
        _assist(config, tables or {})
        return cast("Result", {})


def _run(
    config: RunConfig, tables: Mapping[str, Table], listen: Listener, resume: bool, overwrite: bool
) -> Result:
    from feinschliff.bundle import save
    from feinschliff.models import load as loading
    from feinschliff.models.digest import weights_digest
    from feinschliff.readers import write_table
    from feinschliff.report import card, doubts, evidence, fit, html, robust, run_folder
    from feinschliff.report.result import write, write_text
    from feinschliff.train.cross import cross_validate
    from feinschliff.train.energy import metered, require_meter
    from feinschliff.train.processes import processes
    from feinschliff.train.seeds import tune_seeds
    from feinschliff.train.trackers import flat, tracked

    begun = time.perf_counter()
    baselines = {name: registry.load("baselines", name) for name in config.evaluate.baselines}
    for text in config.evaluate.require:
        requirement(text)
    for text in config.decide.goal:
        goal(text)
    listen(Stage("data"))
    output = run_folder.choose(config, resume, overwrite)
    config = config.model_copy(update={"output_dir": str(output)})
    folder = loading.locate(config.model.source, config.model.revision)
    dataset = _prepare(config, tables, listen)
    require_reachable(config.decide, dataset.task, dataset.labels)
    require_meter(config.train.energy)
    with run_folder.made(output, resume), tracked(config.train.trackers, output, listen) as trackers:
        listen = trackers
        listen(Stage("model", config.model.source))
        model = _build(config, dataset, folder)
        encoded = _encode(model, dataset, listen)
        asked = config.train
        config = _resolved(config, model, dataset, folder)
        write_text(output / "config.yaml", dump_config(config))
        trackers.settings = flat(config.model_dump(mode="json"))
        processes().broadcast((config, asked, dataset.fingerprint))

        contenders, crossed = _baselines(config, dataset, model, encoded, baselines, listen)
        listen(Stage("train", f"{len(dataset.train):,} texts"))
        checkpoints = output / run_folder.CHECKPOINTS
        if resume and not run_folder.has_checkpoint(output):
            listen(Notice("There is no checkpoint yet; training starts at the beginning."))
        with metered(config.train.energy) as meter:
            fitted, decision, trials = tune_seeds(
                config,
                dataset,
                model.learner,
                encoded,
                _renewer(config, dataset, folder, model.tokenizer),
                checkpoints,
                listen,
                weights_digest(folder),
            )
        model.spec = dataclasses.replace(model.spec, decision=decision)

        points: list[Any] = []
        if config.evaluate.evidence == "full":
            points = _curve(config, asked, dataset, model, folder, listen)
            contenders.append(evidence.scratch_contender(points))

        folded = None
        if config.evaluate.folds > 1:
            one = config.model_copy(update={"train": asked.model_copy(update={"seeds": 1})})
            folded = cross_validate(one, dataset, tune, listen)

        listen(Stage("evaluate", f"{len(dataset.test):,} texts"))
        result, predictions = _evaluate(config, dataset, model, encoded, contenders, fitted, folder)
        result["adaptation"] = fit.adaptation_facts(model.tokenizer, dataset)
        result["explanations"] = _explanations(config, dataset, model, result, listen)
        result["label_errors"], doubtful = doubts.label_error_facts(dataset, crossed, predictions)
        result["robustness"] = robust.robustness_facts(model, dataset.test, predictions, config)
        result["learning_curve"] = evidence.curve_facts(points, result, dataset, config)
        result["cross_validation"] = evidence.fold_facts(folded, config)
        fits = evidence.learning_facts(result, config.evaluate.confidence, config.seed)
        result["learning_fit"] = fits
        result["seeds"] = evidence.seed_facts(trials, dataset, config)
        listen(Stage("report"))
        result["cost"]["energy_kwh"] = meter.kwh
        trackers.tell({f"test/{n}": v["value"] for n, v in result["metrics"]["test"].items()})
        result["duration_seconds"] = time.perf_counter() - begun
        save(model, output / "model", card(result))
        if fitted.adapter:
            base = result["model"]["hub_id"] or config.model.source
            fitted.adapter.save(output / run_folder.ADAPTER, model.learner.model, base)
        run_folder.write_rows(output / "predictions" / "test.jsonl", predictions.rows(dataset.test))
        if dataset.removed:
            run_folder.write_rows(output / "removed.jsonl", dataset.removed)
        if doubtful:
            table = doubts.as_table(doubtful, dataset.columns.separator)
            write_table(table, output / run_folder.LABEL_ERRORS)
        write_text(output / "report.html", html(result, config.report.language))
        write(result, output / "result.json")
        if not config.train.keep_checkpoints:
            shutil.rmtree(checkpoints, ignore_errors=True)
    missed = [r for r in result["requirements"] or [] if not r["reached"]]
    if missed:
        facts = "; ".join(f"{r['text']} (measured {r['value']:.4f})" for r in missed)
        raise QualityError(
            f"not reached: {facts}", where=str(output), hint="The run is complete; see report.html"
        )
    return result


def _assist(config: RunConfig, tables: Mapping[str, Table]) -> None:
    """Help the first process to train, once it has found nothing wrong with the data and the settings."""
    from feinschliff.models.load import locate
    from feinschliff.train.processes import processes
    from feinschliff.train.seeds import tune_seeds

    resolved, asked, fingerprint = processes().broadcast()
    dataset = _prepare(config, tables, ignore)
    if dataset.fingerprint != fingerprint:
        raise DataError(
            "this process reads other data than the first one", where=f"process {processes().rank}"
        )
    folder = locate(config.model.source, config.model.revision)
    model = _build(config, dataset, folder)
    encoded = _encode(model, dataset, ignore)
    tune_seeds(
        resolved, dataset, model.learner, encoded, _renewer(resolved, dataset, folder, model.tokenizer)
    )
    if resolved.evaluate.evidence == "full":
        _curve(resolved, asked, dataset, model, folder, ignore)


def tune(config: RunConfig, dataset: Dataset, listen: Listener = ignore) -> Model:
    """Return the model tuned on a dataset as configured: no baselines, no report, nothing on disk.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff.models.load import locate
    from feinschliff.train.seeds import tune_seeds

    folder = locate(config.model.source, config.model.revision)
    model = _build(config, dataset, folder)
    encoded = _encode(model, dataset, listen)
    resolved = _resolved(config, model, dataset, folder)
    renew = _renewer(resolved, dataset, folder, model.tokenizer)
    _, decision, _ = tune_seeds(resolved, dataset, model.learner, encoded, renew, listen=listen)
    model.spec = dataclasses.replace(model.spec, decision=decision)
    return model


def learning_rate_range(
    config: RunConfig, low: float, high: float, num_steps: int, listen: Listener = ignore
) -> RangeTest:
    """Let the learning rate rise over some steps of training, see `train/rates.py`; nothing is written.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff.models.load import locate
    from feinschliff.train.processes import refuse_several
    from feinschliff.train.rates import range_test

    refuse_several("feinschliff tune")
    listen(Stage("data"))
    folder = locate(config.model.source, config.model.revision)
    dataset = _prepare(config, {}, listen)
    listen(Stage("model", config.model.source))
    model = _build(config, dataset, folder)
    encoded = _encode(model, dataset, listen)
    resolved = _resolved(config, model, dataset, folder)
    listen(Stage("train", f"{num_steps} steps, learning rate {low:g} to {high:g}"))
    return range_test(resolved, dataset, model.learner, encoded, low, high, num_steps, listen)


def _prepare(config: RunConfig, tables: Mapping[str, Table], listen: Listener) -> Dataset:
    from feinschliff.data.prepare import prepare

    dataset = prepare(config, tables.get("train"), tables.get("test"), tables.get("dev"))
    listen(Notice(dataset.columns.reason))
    for note in dataset.notes:
        listen(Notice(note))
    for finding in dataset.findings:
        level = "info" if finding.severity == "info" else "warning"
        listen(Notice(f"{finding.message} ({finding.action})", level))
    return dataset


def _build(config: RunConfig, dataset: Dataset, folder: Path) -> Model:
    """Load the pretrained model with a new head for the task."""
    from feinschliff.bundle import Model, Spec
    from feinschliff.encode import Reading
    from feinschliff.models import load as loading
    from feinschliff.train.learner import check_reading
    from feinschliff.train.unpadding import agrees, pays

    if dataset.task not in registry.names("tasks"):
        raise ConfigError(
            f"the data is for the task '{dataset.task}', which cannot be trained",
            where="task",
            allowed=f"There are: {', '.join(registry.names('tasks'))}",
        )
    tokenizer = loading.load_tokenizer(folder)
    settings = config.model
    length = loading.max_length(loading.load_config(folder), tokenizer, settings.max_length_tokens)
    reading = Reading(
        length,
        settings.long_text,
        settings.window_overlap_tokens,
        dataset.columns.text_pair is not None,
        settings.label_pieces,
    )
    network = _renewer(config, dataset, folder, tokenizer)(config.seed)
    loading.match_inputs(tokenizer, network)
    packages = ("torch", "transformers", "tokenizers")
    columns = {role: getattr(dataset.columns, role) for role in ("text", "text_pair", "label")}
    spec = Spec(
        task=dataset.task,
        labels=dataset.labels,
        reading=reading,
        base_model=config.model.source,
        fingerprint=dataset.fingerprint,
        columns={role: name for role, name in columns.items() if name},
        versions={name: version(name) for name in packages},
    )
    model = Model(network, tokenizer, spec, config.train.device, config.train.precision)
    check_reading(model.learner, model.encode(["one"], ["two"] if reading.pairs else None))
    if pays(model.learner):
        texts = ["one", "one two three"]
        few = model.encode(texts, texts if reading.pairs else None)
        model.learner.unpadded = agrees(model.learner, few)
    return model


def _renewer(
    config: RunConfig, dataset: Dataset, folder: Path, tokenizer: Any, pretrained: bool = True
) -> Callable[[int], Any]:
    """Return a function that loads the network with a new head, or all weights, drawn by a seed."""
    from feinschliff.models import load as loading

    task = registry.load("tasks", dataset.task)

    def renew(seed: int) -> Any:
        return loading.load_model(
            folder,
            task.AUTO_CLASS,
            dropout=config.train.dropout or 0.0,
            seed=seed,
            pretrained=pretrained,
            pad_token_id=tokenizer.pad_token_id,
            **task.head(dataset.labels),
        )

    return renew


def _curve(
    config: RunConfig, asked: TrainConfig, dataset: Dataset, model: Model, folder: Path, listen: Listener
) -> list[Any]:
    """Train on parts of the data, pretrained and from random weights."""
    from feinschliff.train.curve import measure

    def encode(records: Records) -> Encoded:
        return model.encode(records.texts, records.pairs)

    def network(pretrained: bool) -> Any:
        return _renewer(config, dataset, folder, model.tokenizer, pretrained)(config.seed)

    return measure(config, asked, dataset, model.learner, encode, network, listen)


def _explanations(
    config: RunConfig, dataset: Dataset, model: Model, result: Result, listen: Listener
) -> dict[str, Any] | None:
    """Weigh the words of some test texts, where that can be done."""
    from feinschliff.report import reasons

    try:
        return reasons.explanation_facts(model, dataset.test, result["mistakes"] or [], config)
    except MissingExtraError as error:
        listen(Notice(str(error)))
        return None


def _encode(model: Model, dataset: Dataset, listen: Listener) -> dict[str, Encoded]:
    parts = {"train": dataset.train, "dev": dataset.dev, "test": dataset.test}
    encoded = {name: model.encode(records.texts, records.pairs) for name, records in parts.items()}
    limit = model.spec.reading.max_length_tokens
    cut = sum(e.cut for e in encoded.values())
    windowed = sum(e.windowed for e in encoded.values())
    if cut:
        listen(Notice(f"{cut:,} texts are longer than {limit} tokens and are cut there.", "warning"))
    if windowed:
        listen(
            Notice(f"{windowed:,} texts are longer than {limit} tokens and are read in overlapping windows.")
        )
    return encoded


def _resolved(config: RunConfig, model: Model, dataset: Dataset, folder: Path) -> RunConfig:
    """Return the configuration with every choice made, so that it repeats the run."""
    from feinschliff.models.load import PACKAGED, commit
    from feinschliff.train.defaults import resolve

    source = config.model.source
    network = model.learner.model
    backbone = sum(p.numel() for p in network.base_model.parameters())
    backbone -= network.get_input_embeddings().weight.numel()
    data = config.data.model_copy(
        update={
            **{k: _absolute(getattr(config.data, k)) for k in ("train", "dev", "test")},
            **{k: getattr(dataset.columns, k) for k in ("text", "text_pair", "label", "id", "group")},
        }
    )
    return config.model_copy(
        update={
            "task": dataset.task,
            "data": data,
            "model": config.model.model_copy(
                update={
                    "max_length_tokens": model.spec.reading.max_length_tokens,
                    "source": source if source in PACKAGED else _absolute(source),
                    "revision": commit(folder) or config.model.revision,
                }
            ),
            "train": resolve(
                config.train,
                backbone,
                len(dataset.train),
                len(dataset.labels),
                model.learner.task.UNIT,
            ),
        }
    )


def _absolute(source: str | None) -> str | None:
    return str(Path(source).absolute()) if source and source != "-" and Path(source).exists() else source


def _baselines(
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
    from feinschliff.report.doubts import TASKS

    embed = _Embedder(model, dataset, encoded)
    found = []
    for name, baseline in baselines.items():
        if dataset.task not in baseline.TASKS:
            continue
        listen(Stage("baselines", baseline.TITLE))
        begun = time.perf_counter()
        predictions = baseline.fit(dataset, config, embed).predict(dataset.test)
        found.append(Contender(name, baseline.TITLE, predictions, time.perf_counter() - begun))
    judges = [name for name in ("frozen", "tfidf") if name in baselines]
    if not (judges and dataset.task in TASKS and config.evaluate.label_errors):
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
        from feinschliff.train.precision import autocast

        key = id(records)
        if key not in self.vectors:
            learner = self.model.learner
            encoded = (
                self.known[key] if key in self.known else self.model.encode(records.texts, records.pairs)
            )
            context = autocast(learner.device, learner.precision)
            vectors = embed(learner.model.base_model, encoded, learner.device, learner.pad_id, context)
            if key not in self.known:
                return vectors
            self.vectors[key] = vectors
        return self.vectors[key]


def _evaluate(
    config: RunConfig,
    dataset: Dataset,
    model: Model,
    encoded: Mapping[str, Encoded],
    contenders: list[Any],
    fitted: Any,
    folder: Path,
) -> tuple[Any, Any]:
    from feinschliff.evaluate import intervals
    from feinschliff.evaluate.scaling import uncalibrated
    from feinschliff.report import certainty, collect
    from feinschliff.train.novelty import learn_novelty, sample
    from feinschliff.train.profile import profile

    task, settings = registry.load("tasks", dataset.task), config.evaluate
    learner, progress = model.learner, fitted.progress

    rules = model.spec.decision

    def predict(name: str, records: Records, logits: np.ndarray, rules: Mapping[str, Any]) -> Any:
        return task.decode(logits, encoded[name], dataset.labels, records.texts, rules)

    rows = sample(dataset.train)
    some = dataset.train.take(rows)
    usual = model.encode(some.texts, some.pairs)
    model.novelty = learn_novelty(learner, dataset.train, usual, rows, encoded["dev"])
    if model.novelty is None:
        logits = learner.logits(encoded["test"])
        predictions = predict("test", dataset.test, logits, rules)
    else:
        logits, vectors = learner.logits_and_vectors(encoded["test"])
        predictions = predict("test", dataset.test, logits, rules)
        predictions = dataclasses.replace(predictions, novelty=model.novelty.of(vectors))
    on_dev = predict("dev", dataset.dev, learner.logits(encoded["dev"]), rules)
    model.profile = profile(model.tokenizer, dataset.train, encoded["train"], on_dev)
    dev = intervals(
        statistics(dataset.task, dataset.dev.targets, on_dev),
        settings.bootstrap_samples,
        settings.confidence,
        config.seed,
    )
    tuned = collect.Contender("fine-tuned", "Fine-tuned", predictions, progress.seconds)
    systems, comparisons = collect.system_facts(
        [tuned, *contenders], dataset.test, settings, task.PRIMARY_METRIC, config.seed
    )
    scores = systems[0]["metrics"]
    source = config.data.train or "data"
    result = {
        "schema": 1,
        "feinschliff": __version__,
        "title": config.report.title or Path(source).stem,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"feinschliff train --config {config.output_dir}/config.yaml --output-dir NEW_FOLDER",
        "language": config.report.language,
        "seed": config.seed,
        "task": dataset.task,
        "primary_metric": task.PRIMARY_METRIC,
        "model": collect.model_facts(
            config.model.source, folder, learner.model, fitted.trainable_parameters, encoded["test"].limit
        ),
        "data": collect.data_facts(dataset, encoded),
        "metrics": {"dev": {name: value.as_dict() for name, value in dev.items()}, "test": scores},
        "systems": systems,
        "comparisons": comparisons,
        "training": {
            "curve": progress.curve,
            "best_step": progress.best_step,
            "stopped": fitted.stopped,
            "settings": config.train.model_dump(mode="json"),
        },
        **collect.detail_facts(dataset.test, predictions, settings.confidence, config.report.max_mistakes),
        "calibration": certainty.calibration_facts(
            dataset.test,
            predict("test", dataset.test, uncalibrated(logits, rules), {}),
            predictions,
            rules,
        ),
        "decisions": certainty.decision_facts(dataset.test, predictions, rules, settings.confidence),
        "requirements": collect.requirement_facts(settings.require, scores),
        "cost": {
            "train_seconds": progress.seconds,
            "tokens": progress.tokens,
            "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
            "peak_memory_bytes": collect.peak_memory_bytes(),
            "energy_kwh": None,
        },
        "environment": collect.environment_facts(learner.device, learner.precision),
        "config": config.model_dump(mode="json"),
    }
    return result, predictions
