"""The order of the folders: each imports only from those above it, and every part of a family is found."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import feinschliff
from feinschliff import registry

ROOT = Path(feinschliff.__file__).parent
ORDER = [
    "errors",
    "files",
    "memory",
    "config",
    "registry",
    "readers",
    "data",
    "evaluate",
    "encode",
    "tasks",
    "models",
    "train",
    "explain",
    "objectives",
    "baselines",
    "report",
    "bundle",
    "exporters",
    "publish",
    "serve",
    "pipeline",
    "adapt",
    "estimator",
    "api",
    "cli",
    "__main__",
]


def modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def stage(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the stages a module imports from, wherever in the file, with the line."""
    names_checked_only = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            names_checked_only |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in names_checked_only:
            continue
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            parts = target.split(".")
            if parts[0] == "feinschliff" and len(parts) > 1 and parts[1] in ORDER:
                yield parts[1], node.lineno


def test_every_module_has_a_place_in_the_order():
    assert {stage(path) for path in modules()} <= set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_from_above(path):
    own = stage(path)
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {other}, which stands below {own}"
        for other, line in imported(path)
        if ORDER.index(other) > ORDER.index(own)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_heavy_is_imported_where_data_and_scores_are_made():
    for path in modules():
        if stage(path) in ("errors", "config", "registry", "readers", "data", "evaluate"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
            names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            assert not {n for n in names if n.split(".")[0] in ("torch", "transformers", "accelerate")}, path


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_every_part_of_a_family_is_found_and_can_be_loaded(family):
    files = {p.stem for p in (ROOT / family).glob("*.py") if not p.stem.startswith("_")}
    assert set(registry.names(family)) == files
    for name in files:
        module = registry.load(family, name)
        assert module.__doc__, f"{family}/{name} says nothing about itself"


def test_the_server_never_imports_training():
    for path in modules():
        if stage(path) == "serve":
            names = {name for name, _ in imported(path)}
            assert not names & {"train", "data", "baselines", "report"}, path


def test_predicting_and_serving_need_no_training(trained):
    """Not even by what they import: a server holds what it computes with, and no more."""
    code = """
import sys
from feinschliff import bundle
from feinschliff.serve.app import create_app
from feinschliff.serve.service import Service
from feinschliff.serve.settings import Limits
from feinschliff.serve.shelf import Shelf, named

bundle.load(sys.argv[1], "cpu", fast=True).predict(["a joy", ""])
create_app(Service(Shelf(named([f"it={sys.argv[1]}"])), Limits()))
print(sorted(name for name in sys.modules if name.startswith(("feinschliff.train", "feinschliff.pipeline"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, trained / "model"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
