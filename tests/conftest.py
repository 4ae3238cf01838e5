"""What all tests share: one thread, no network, and tiny models made once per session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")

import pytest
from hypothesis import settings

settings.register_profile("feinschliff", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("feinschliff")


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a tiny encoder by its architecture, see `tiny.SHAPES`."""
    import tiny

    root, made = tmp_path_factory.mktemp("encoders"), {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tiny.make(root / name, name)
        return made[name]

    return folder


@pytest.fixture(scope="session")
def toy_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file of 120 labelled sentences that a tiny model learns in a second."""
    import tiny

    return tiny.write_csv(tmp_path_factory.mktemp("data") / "toy.csv")


@pytest.fixture(scope="session")
def trained(encoder: Any, toy_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a finished run with a tiny BERT; tests must not change it."""
    import tiny
    from feinschliff.pipeline import run

    output = tmp_path_factory.mktemp("runs") / "trained"
    baselines = {"evaluate.baselines": ("majority", "tfidf", "frozen")}
    run(tiny.config(encoder("bert"), toy_csv, output, **baselines))
    return output
