"""Fine-tune pretrained language models on your own text, and prove what the fine-tuning gained."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feinschliff.api import adapt, audit, compare, evaluate, train
    from feinschliff.bundle import Model, load
    from feinschliff.config import RunConfig
    from feinschliff.errors import FeinschliffError
    from feinschliff.estimator import FeinschliffClassifier
    from feinschliff.report.result import Result

__version__ = "0.1.0"

__all__ = [
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

_HOME = {
    "FeinschliffClassifier": "estimator",
    "FeinschliffError": "errors",
    "Model": "bundle",
    "Result": "report.result",
    "RunConfig": "config",
    "adapt": "api",
    "audit": "api",
    "compare": "api",
    "evaluate": "api",
    "load": "bundle",
    "train": "api",
}
"""Where each public name is defined; imported when it is first used."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'feinschliff' has no attribute '{name}'")
    module = importlib.import_module(f"feinschliff.{_HOME[name]}")
    return globals().setdefault(name, getattr(module, name))


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """This package: its functions `train` and `evaluate` have folders of the same names.

    Importing a folder makes Python bind its name here. Then the folder stays what it is, and calling it calls
    the function, so that `feinschliff.train(...)` and `import feinschliff.train.loop` both work.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if _HOME.get(name) == "api" and isinstance(value, ModuleType):
            value.__class__ = _CallableFolder
        super().__setattr__(name, value)


class _CallableFolder(ModuleType):
    """A folder that answers a call with the public function of its name."""

    @property
    def __wrapped__(self) -> Any:
        return getattr(importlib.import_module("feinschliff.api"), self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


sys.modules[__name__].__class__ = _Package
