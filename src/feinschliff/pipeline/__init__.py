"""A run, from data to report: the one file that knows the order."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from feinschliff import registry
from feinschliff.config import RunConfig, TrainConfig, dump_config
from feinschliff.data import Dataset, Records
from feinschliff.errors import DataError, MissingExtraError, QualityError, counted
from feinschliff.evaluate import goal, not_reached, requirements
from feinschliff.evaluate.goals import require_reachable
from feinschliff.evaluate.requirements import require_compared
from feinschliff.pipeline.baselines import fit_baselines
from feinschliff.pipeline.build import (
    build_model,
    dimensions,
    encode_splits,
    renewer,
    resolve_config,
    without_effect,
)
from feinschliff.pipeline.evaluate import evaluate
from feinschliff.readers import Table
from feinschliff.train.events import Listener, Notice, Stage, ignore

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.encode import Encoded
    from feinschliff.pipeline.search import Trial
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
    from feinschliff.report import run_folder
    from feinschliff.train.processes import together

    with together() as crew:
        if crew.is_first:
            with run_folder.chosen(config, resume, overwrite) as output:
                named = config.model_copy(update={"output_dir": str(output)})
                return _run(named, tables or {}, listen, resume, output)
        _assist(config, tables or {})
        return cast("Result", {})


def _run(
    config: RunConfig, tables: Mapping[str, Table], listen: Listener, resume: bool, output: Path
) -> Result:
    from feinschliff.bundle import save
    from feinschliff.files import flush_all
    from feinschliff.models.digest import weights_digest
    from feinschliff.models.locate import locate
    from feinschliff.readers import write_table
    from feinschliff.report import card, doubts, evidence, fit, flexible, html, robust, run_folder
    from feinschliff.report.result import write, write_text
    from feinschliff.train.checkpoint import share_rights
    from feinschliff.train.cross import cross_validate, in_folds
    from feinschliff.train.defaults import left_open
    from feinschliff.train.energy import metered, require_meter
    from feinschliff.train.processes import alone, processes
    from feinschliff.train.seeds import tune_seeds
    from feinschliff.train.sharding import check
    from feinschliff.train.trackers import flat, tracked

    begun = time.perf_counter()
    baselines = {name: registry.load("baselines", name) for name in config.evaluate.baselines}
    requirements(config.evaluate.require)
    require_compared(config.evaluate.require, config.evaluate.baselines)
    for text in config.decide.goal:
        goal(text)
    crew = processes()
    listen(Stage("data"))
    folder = locate(config.model.source, config.model.revision)
    dataset = _prepare(config, tables, listen)
    requirements(config.evaluate.require, dataset.kind, len(dataset.labels))
    require_reachable(config.decide, dataset.kind, dataset.labels, len(dataset.dev))
    require_meter(config.train.energy)
    folds = in_folds(config, dataset) if config.evaluate.folds > 1 else None
    with run_folder.made(output, resume), tracked(config.train.trackers, output, listen) as trackers:
        listen = trackers
        listen(Stage("model", config.model.source))
        model = build_model(config, dataset, folder)
        encoded = encode_splits(model, dataset, config.model.max_train_windows, listen)
        asked = left_open(config.train, *dimensions(model, dataset))
        config = resolve_config(config, model, dataset, folder)
        check(config.train, crew, listen)
        write_text(output / "config.yaml", dump_config(config))
        trackers.settings = flat(config.model_dump(mode="json"))
        crew.broadcast((config, asked, dataset.fingerprint))

        contenders, crossed = fit_baselines(config, dataset, model, encoded, baselines, listen)
        listen(Stage("train", counted(len(dataset.train), "text")))
        checkpoints = output / run_folder.CHECKPOINTS
        goes_on = resume and run_folder.has_checkpoint(output)
        if resume and not goes_on:
            listen(Notice("There is no checkpoint yet; training starts at the beginning."))
        with metered(config.train.energy) as meter:
            fitted, decision, trials = tune_seeds(
                config,
                dataset,
                model.learner,
                encoded,
                renewer(config, dataset, folder, model.tokenizer),
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
        if folds:
            one = config.model_copy(update={"train": asked.model_copy(update={"seeds": 1})})
            with alone():
                folded = cross_validate(one, dataset, folds, tune, listen)

        model.learner = model.learner.exact()
        listen(Stage("evaluate", counted(len(dataset.test), "text")))
        result, predictions = evaluate(config, dataset, model, encoded, contenders, fitted, folder)
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
        energy = None if goes_on else meter.kwh  # the process before measured its part for itself
        result["cost"]["energy_kwh"] = result["systems"][0]["energy_kwh"] = energy
        result["flexible"] = flexible.flexible_facts(result, output, model.learner.model, fitted.adapter)
        trackers.tell({f"test/{n}": v["value"] for n, v in result["metrics"]["test"].items()})
        result["duration_seconds"] = time.perf_counter() - begun
        save(model, output / "model", card(result))
        if fitted.adapter:
            base = result["model"]["hub_id"] or config.model.source
            fitted.adapter.save(output / run_folder.ADAPTER, model.learner.model, base)
            share_rights(output / run_folder.ADAPTER)
            flush_all(output / run_folder.ADAPTER)
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
    if missed := not_reached(result["requirements"] or ()):
        raise QualityError(
            f"not reached: {missed}", where=str(output), hint="The run is complete; see report.html"
        )
    return result


def _assist(config: RunConfig, tables: Mapping[str, Table]) -> None:
    """Help the first process to train, once it has found nothing wrong with the data and the settings."""
    from feinschliff.models.locate import locate
    from feinschliff.train.processes import processes
    from feinschliff.train.seeds import tune_seeds

    resolved, asked, fingerprint = processes().broadcast()
    dataset = _prepare(config, tables, ignore)
    if dataset.fingerprint != fingerprint:
        raise DataError(
            "this process reads other data than the first one", where=f"process {processes().rank}"
        )
    folder = locate(config.model.source, config.model.revision)
    model = build_model(config, dataset, folder)
    encoded = encode_splits(model, dataset, config.model.max_train_windows, ignore)
    tune_seeds(resolved, dataset, model.learner, encoded, renewer(resolved, dataset, folder, model.tokenizer))
    if resolved.evaluate.evidence == "full":
        _curve(resolved, asked, dataset, model, folder, ignore)


def tune(config: RunConfig, dataset: Dataset, listen: Listener = ignore) -> Model:
    """Return the model tuned on a dataset as configured: no baselines, no report, nothing on disk.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff.models.locate import locate
    from feinschliff.train.seeds import tune_seeds

    folder = locate(config.model.source, config.model.revision)
    model = build_model(config, dataset, folder)
    encoded = encode_splits(model, dataset, config.model.max_train_windows, listen)
    resolved = resolve_config(config, model, dataset, folder)
    renew = renewer(resolved, dataset, folder, model.tokenizer)
    _, decision, _ = tune_seeds(resolved, dataset, model.learner, encoded, renew, listen=listen)
    model.learner = model.learner.exact()
    model.spec = dataclasses.replace(model.spec, decision=decision)
    return model


def learning_rate_range(
    config: RunConfig, low: float, high: float, num_steps: int, listen: Listener = ignore
) -> RangeTest:
    """Let the learning rate rise over some steps of training, see `train/rates.py`; nothing is written.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff.models.locate import locate
    from feinschliff.train.processes import refuse_several
    from feinschliff.train.rates import range_test

    refuse_several("feinschliff tune")
    listen(Stage("data"))
    folder = locate(config.model.source, config.model.revision)
    dataset = _prepare(config, {}, listen)
    listen(Stage("model", config.model.source))
    model = build_model(config, dataset, folder)
    encoded = encode_splits(model, dataset, config.model.max_train_windows, listen)
    resolved = resolve_config(config, model, dataset, folder)
    listen(Stage("train", f"{num_steps} steps, learning rate {low:g} to {high:g}"))
    return range_test(resolved, dataset, model.learner, encoded, low, high, num_steps, listen)


def try_settings(
    config: RunConfig, trials: Sequence[tuple[tuple[str, ...], RunConfig]], listen: Listener = ignore
) -> list[Trial]:
    """Train with the settings as they are and with others, see `search.py`; nothing is written.

    Raises:
        FeinschliffError: see its kinds.
    """
    from feinschliff.pipeline.search import require_comparable, search
    from feinschliff.train.processes import refuse_several

    refuse_several("feinschliff tune")
    require_comparable(config, trials)
    listen(Stage("data"))
    return search(config, _prepare(config, {}, listen), trials, listen)


def _prepare(config: RunConfig, tables: Mapping[str, Table], listen: Listener) -> Dataset:
    from feinschliff.data.prepare import prepare

    dataset = prepare(config, tables.get("train"), tables.get("test"), tables.get("dev"))
    listen(Notice(dataset.columns.reason))
    for note in dataset.notes:
        listen(Notice(note))
    if dataset.task in registry.names("tasks"):
        for sentence in without_effect(config, registry.load("tasks", dataset.task)):
            listen(Notice(sentence, "warning"))
    for finding in dataset.findings:
        level = "info" if finding.severity == "info" else "warning"
        listen(Notice(f"{finding.message} ({finding.action})", level))
    return dataset


def _curve(
    config: RunConfig, asked: TrainConfig, dataset: Dataset, model: Model, folder: Path, listen: Listener
) -> list[Any]:
    """Train on parts of the data, pretrained and from random weights."""
    from feinschliff.train.curve import measure

    def encode(records: Records) -> Encoded:
        return model.encode(records.texts, records.pairs)

    def network(pretrained: bool) -> Any:
        return renewer(config, dataset, folder, model.tokenizer, pretrained)(config.seed)

    return measure(config, asked, dataset, model.learner, encode, network, listen)


def _explanations(
    config: RunConfig, dataset: Dataset, model: Model, result: Result, listen: Listener
) -> dict[str, Any] | None:
    """Weigh the words of some test texts, where that can be done."""
    from feinschliff.report import reasons

    try:
        found = reasons.explanation_facts(model, dataset.test, result["mistakes"] or [], config)
    except MissingExtraError as error:
        listen(Notice(str(error)))
        return None
    if not found and config.evaluate.explain_texts and dataset.kind in reasons.KINDS:
        listen(Notice("Words are not weighed: all texts are too long (evaluate.explain_texts allows more)."))
    return found
