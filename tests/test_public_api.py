"""The public names are a list, and they cost nothing until they are used."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import feinschliff

PUBLIC = [
    "FeinschliffClassifier",
    "FeinschliffError",
    "Model",
    "Result",
    "RunConfig",
    "__version__",
    "adapt",
    "audit",
    "compare",
    "evaluate",
    "load",
    "train",
]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_list_of_names():
    assert feinschliff.__all__ == PUBLIC
    assert dir(feinschliff) == sorted(PUBLIC)


@pytest.mark.parametrize("name", [n for n in PUBLIC if n != "__version__"])
def test_a_name_is_there_and_documented(name):
    found = getattr(feinschliff, name)
    assert inspect.getdoc(found)
    assert callable(found)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'tune'"):
        _ = feinschliff.tune


def test_importing_the_package_imports_nothing_else():
    assert python(
        "import sys, feinschliff; print(sorted(m for m in sys.modules if m.startswith('feinschliff')))"
    ) == ("['feinschliff']\n")


@pytest.mark.parametrize("name", ["train", "evaluate"])
@pytest.mark.parametrize("first", ["", "import feinschliff.{name}.{module};"])
def test_functions_with_a_folder_of_their_name_can_be_called(name, first):
    module = {"train": "events", "evaluate": "predictions"}[name]
    code = (
        f"import feinschliff, inspect; {first.format(name=name, module=module)}"
        f"print('data' in inspect.signature(feinschliff.{name}).parameters);"
        f"import feinschliff.{name}.{module} as m; from feinschliff import {name};"
        f"print(callable({name}), m.__name__)"
    )
    assert python(code).split() == ["True", "True", f"feinschliff.{name}.{module}"]
