"""The models that are served, each in its newest version.

A model's folder is looked at from time to time. When its files have changed and have come to rest, the new
version is loaded beside the old one and tried; then it takes the old one's place. Requests that wait for the
old version are still answered by it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from feinschliff.bundle import Model, Prediction, find, hub, load
from feinschliff.errors import ConfigError, FeinschliffError, ModelError, nearest
from feinschliff.evaluate.drift import Window
from feinschliff.models import onnx
from feinschliff.serve.engine import Engine, Item, OneModel
from feinschliff.serve.query import Refusal
from feinschliff.serve.sharing import ADAPTER, SharedEngine, alike, shared_bases

LOG = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, eq=False)
class Served:
    """A model under its name.

    Attributes:
        name: Its name in paths.
        folder: Where it was loaded from.
        model: It.
        engine: What computes its batches.
        version: 1 for the first one loaded, 2 for the next.
        platform: What runs it: `pytorch` or `onnx_onnxruntime`.
        mark: State of the folder's files when it was loaded.
    """

    name: str
    folder: Path
    model: Model
    engine: Engine
    version: int
    platform: str
    mark: str

    @property
    def report(self) -> Path | None:
        """The report of the run that made the model, if it lies beside it."""
        path = self.folder.parent / "report.html"
        own = self.folder.name == "model" and path.resolve().parent == self.folder.parent
        return path if own and path.is_file() else None


class Shelf:
    """Models by their names; the first one is the default.

    Args:
        sources: Name and folder of each; see `named`.
        device: Where they compute: `auto`, `cpu`, `cuda`, ...
        fast: Whether those with a network of their own compute in bfloat16, see `Model.hasten`.

    Raises:
        ConfigError: there is no such model.
        ModelError: its files are damaged.
    """

    def __init__(self, sources: dict[str, Path], device: str = "auto", fast: bool = False):
        self.device, self.fast = device, fast
        self._bases: dict[Path, SharedEngine] = {}
        self._shared = shared_bases(dict.fromkeys(sources.values()))
        self._served = {name: self._load(name, folder, 1) for name, folder in sources.items()}
        self._seen = {name: served.mark for name, served in self._served.items()}

    @property
    def all(self) -> list[Served]:
        """All models, in the order given."""
        return list(self._served.values())

    def get(self, name: str | None) -> Served:
        """Return a model by its name, the first one for None.

        Raises:
            Refusal: there is none of that name.
        """
        if name is None:
            return next(iter(self._served.values()))
        if name not in self._served:
            close = nearest(name[:100], self._served)
            raise Refusal(
                404, "there is no model of that name" + (f"; did you mean {close}?" if close else "")
            )
        return self._served[name]

    def refresh(self) -> tuple[list[str], list[str]]:
        """Load the models whose files have changed since the last look but one, and not since the last.

        Returns:
            Names of the models that were replaced, and of those whose new version cannot be used; these go on
            in the old version.
        """
        replaced, failed = [], []
        for name, old in list(self._served.items()):
            now = mark(old.folder)
            settled, self._seen[name] = now == self._seen[name], now
            if not settled or not now or now == old.mark:
                continue
            try:
                new = self._load(name, old.folder, old.version + 1)
            except Exception as error:  # noqa: BLE001  (damaged files fail in ways nobody lists)
                self._served[name] = replace(old, mark=now)  # not tried again until it changes again
                known = isinstance(error, FeinschliffError | OSError)
                reason = str(error) if known else f"is damaged ({type(error).__name__}: {error})"
                LOG.error("reload_failed", extra={"facts": {"model": name, "reason": reason}})
                failed.append(name)
                continue
            self._served[name] = new
            LOG.info("reloaded", extra={"facts": {"model": name, "version": new.version}})
            replaced.append(name)
        return replaced, failed

    def _share(self, folder: Path, model: Model, expected: list[Prediction]) -> Engine:
        """Move a model onto the base it shares; where it would answer otherwise, it keeps its own network."""
        base = self._shared[folder]
        if base not in self._bases:
            self._bases[base] = SharedEngine(base, model.learner.device)
        engine = self._bases[base]
        try:
            engine.add(model, folder.parent / ADAPTER)
            found = engine.predict(_probe(model))
        except (ModelError, AttributeError, RuntimeError, TypeError) as error:
            LOG.warning("not_shared", extra={"facts": {"folder": str(folder), "reason": str(error)}})
            return OneModel()
        if not all(alike(*pair) for pair in zip(found, expected, strict=True)):
            reason = "it answers otherwise on the base its adapter names"
            LOG.warning("not_shared", extra={"facts": {"folder": str(folder), "reason": reason}})
            return OneModel()
        return engine

    def _load(self, name: str, folder: Path, version: int) -> Served:
        state = mark(folder)
        model = load(folder, self.device)
        _keep(model)
        engine: Engine = OneModel()
        expected = engine.predict(_probe(model))
        if folder in self._shared:
            engine = self._share(folder, model, expected)
            if isinstance(engine, OneModel):
                model = load(folder, self.device)
                _keep(model)
        if self.fast and isinstance(engine, OneModel):
            model.hasten()
        if model.profile is not None:
            model.watch = Window()
        platform = "onnx_onnxruntime" if (folder / onnx.GRAPH_FILE).is_file() else "pytorch"
        return Served(name, folder, model, engine, version, platform, state)


def _probe(model: Model) -> list[Item]:
    """Return texts to try a model with, one of them too long for a window."""
    texts = ["ready", "A second text, somewhat longer than the first. " * 40]
    return [Item(model, text, text if model.spec.reading.pairs else None) for text in texts]


def named(sources: Iterable[str]) -> dict[str, Path]:
    """Return folders by name from `DIR` or `NAME=DIR`; a folder's own name is that of its run or repository.

    Raises:
        ConfigError: a folder holds no model, a name cannot stand in a path, or two models have one name.
    """
    found: dict[str, Path] = {}
    for source in sources:
        name, equals, given = source.partition("=")
        if not equals or Path(source).exists():
            name, given = "", source
        folder, address = find(given).resolve(), hub.address(given)
        own = Path(address[0]) if address else folder
        name = name or (own.name == "model" and own.parent.name) or own.name  # a run's, but not of `/model`
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"'{name}' cannot be a model's name in a path",
                where=source,
                allowed="Letters, digits, dots, dashes and underscores are",
                hint="Name the model: NAME=DIR",
            )
        if name in found:
            raise ConfigError(f"two models are called '{name}'", where=source, hint="Name them: NAME=DIR")
        found[name] = folder
    return found


def _keep(model: Model) -> None:
    """Copy weights that are mapped from their file: writing over that file would end the process."""
    network = getattr(model.learner, "model", None)
    if network is not None:
        for tensor in [*network.parameters(), *network.buffers()]:
            tensor.data = tensor.data.clone()


def mark(folder: Path) -> str:
    """Return a digest of names, sizes and times of a folder's files; empty if there is none."""
    try:
        facts = sorted(
            (path.name, stat.st_size, stat.st_mtime_ns, stat.st_ino)
            for path in folder.iterdir()
            if not path.name.startswith(".") and (stat := path.stat())
        )
    except OSError:
        return ""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16] if facts else ""
