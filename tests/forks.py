"""Processes that begin with everything imported."""

import multiprocessing
import sys
from typing import Any


def server() -> Any:
    """Return a server that forks processes in which everything this one has imported so far is there."""
    context = multiprocessing.get_context("forkserver")
    heavy = ("accelerate", "feinschliff", "pyarrow", "scipy", "sklearn", "torch", "transformers")
    context.set_forkserver_preload([name for name in sys.modules if name.partition(".")[0] in heavy])
    return context
