"""Models of every task, made once."""

from __future__ import annotations

import pytest
from serving import save_model

RULES = {"classification": {"least": [0.7, 0.7], "possible": {"coverage": 0.9, "threshold": 0.1}}}


@pytest.fixture(scope="session")
def folders(encoder, tmp_path_factory):
    """Give the folder of a model of each task, by the task's name, and of one that reads pairs."""
    root = tmp_path_factory.mktemp("served")
    tasks = ("classification", "multilabel", "regression", "ner")
    made = {task: save_model(task, encoder("bert"), root / task, **RULES.get(task, {})) for task in tasks}
    made["pairs"] = save_model("classification", encoder("bert"), root / "pairs", pairs=True)
    return made
