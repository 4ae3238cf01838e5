"""One training of one system in a process of its own: seconds, tokens, score, and peak memory."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
from multiprocessing.connection import Connection
from typing import Any

from _data import columns, sample, table

SYSTEMS = {
    "feinschliff": "Feinschliff",
    "trainer": "Trainer, defaults",
    "trainer_best": "Trainer, bf16 and by length",
}


def measure(
    system: str, data: str, rows: int, epochs: float, seed: int, model: str, batch_size: int = 32
) -> dict[str, Any]:
    """Train on the same rows as every other system and score the same test rows.

    Args:
        system: One of `SYSTEMS`.
        data: Name in `_data`; its train file alone is used, a part of it is held out.
        rows: Rows taken of it, at most.
        model: Name or folder of the base model.

    Returns:
        `seconds` of training, `tokens` of all passes (special tokens, no padding), `score`, `metric`,
        `peak_memory_gib` of the whole process.

    Raises:
        RuntimeError: the process failed.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(theirs, system, data, rows, epochs, seed, model, batch_size))
    worker.start()
    theirs.close()
    try:
        return ours.recv() | {"system": system, "data": data, "rows": rows, "seed": seed}
    except EOFError:
        raise RuntimeError(f"{system} on {data} failed") from None
    finally:
        worker.join()


def _work(answer: Connection, system: str, *arguments: Any) -> None:
    found = (_feinschliff if system == "feinschliff" else _trainer)(system, *arguments)
    found["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    answer.send(found)


def _config(data: str, epochs: float, seed: int, model: str, batch_size: int, **more: Any) -> Any:
    from feinschliff.config import load_config

    values = {
        **columns(data),
        "model.source": model,
        "model.max_length_tokens": 512,
        "model.long_text": "truncate",
        "seed": seed,
        "train.epochs": epochs,
        "train.batch_size": batch_size,
        "train.evaluations_per_epoch": 1,
        "evaluate.baselines": [],
        "evaluate.bootstrap_samples": 100,
        **more,
    }
    return load_config(values=values)


def _feinschliff(
    system: str, data: str, rows: int, epochs: float, seed: int, model: str, batch_size: int
) -> dict[str, Any]:
    from feinschliff.pipeline import run

    whole = table(data)
    assert whole is not None
    with tempfile.TemporaryDirectory() as folder:
        config = _config(data, epochs, seed, model, batch_size, output_dir=f"{folder}/run")
        result = run(config, tables={"train": sample(whole, rows, seed)})
    metric = result["primary_metric"]
    return {
        "seconds": result["cost"]["train_seconds"],
        "tokens": result["cost"]["tokens"],
        "metric": metric,
        "score": result["metrics"]["test"][metric]["value"],
    }


def _trainer(
    system: str, data: str, rows: int, epochs: float, seed: int, model: str, batch_size: int
) -> dict[str, Any]:
    import torch

    from _trainer import tune_and_predict
    from feinschliff.data.prepare import prepare
    from feinschliff.evaluate import PRIMARY, intervals, statistics
    from feinschliff.models.locate import locate

    whole = table(data)
    assert whole is not None
    dataset = prepare(_config(data, epochs, seed, model, batch_size), sample(whole, rows, seed))
    flags: dict[str, Any] = {"per_device_train_batch_size": batch_size}
    if system == "trainer_best":
        flags |= {"bf16": True, "train_sampling_strategy": "group_by_length"}
    predictions, seconds = tune_and_predict(
        dataset.task,
        [dataset.train],
        dataset.test,
        dataset.labels,
        str(locate(model)),
        epochs,
        seed,
        use_cpu=not torch.cuda.is_available(),
        **flags,
    )
    metric = PRIMARY[dataset.kind]
    found = intervals(statistics(dataset.kind, dataset.test.targets, predictions), 100, 0.95, seed)
    return {"seconds": seconds, "metric": metric, "score": found[metric].value}
