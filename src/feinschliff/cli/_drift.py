"""What `predict --drift` says about the texts that came in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feinschliff.bundle import Model
    from feinschliff.evaluate.drift import Change

NAMES = {
    "characters": "length in characters",
    "tokens_per_word": "tokens per word",
    "unknown_tokens": "unknown tokens",
    "confidence": "confidence",
    "prediction": "predicted number",
    "entities": "entities per text",
    "labels": "shares of labels",
    "words": "words used",
}


def watched(model: Model, folder: Path) -> None:
    """Let a model collect what the texts look like that it reads.

    Raises:
        ConfigError: what it was trained on is not known.
    """
    from feinschliff.bundle import PROFILE_FILE
    from feinschliff.errors import ConfigError
    from feinschliff.evaluate.drift import Window

    if model.profile is None:
        raise ConfigError(
            f"there is no {PROFILE_FILE} that says what the training data looked like",
            where=str(folder),
            hint="Only the machine that trained has it: push keeps it back, older versions did not write it",
        )
    model.watch = Window()


def show(model: Model, target: Path | None) -> None:
    """Print how the texts differ from those of training, to stderr; write it as JSON if asked to.

    Raises:
        ConfigError: the file cannot be written.
    """
    import json

    from feinschliff.cli._output import console, table
    from feinschliff.errors import ConfigError
    from feinschliff.evaluate.drift import Change, summary

    assert model.watch is not None
    assert model.profile is not None
    found = summary(model.profile, model.watch.sample)
    changes = [Change(**change) for change in found["changes"]]
    grid = table(
        "compared", "training", "now", "effect", "p", "drift", right=("training", "now", "effect", "p")
    )
    for change in changes:
        grid.add_row(
            _name(change), *_ends(change), f"{change.effect:.3f}", f"{change.p_value:.3f}", change.level
        )
    screen = console(stderr=True)
    if changes:
        screen.print(grid)
    screen.print(_conclusion(found, changes))
    if target:
        try:
            target.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", where=str(target)) from None


def _conclusion(found: dict[str, Any], changes: Sequence[Change]) -> str:
    from feinschliff.errors import counted
    from feinschliff.evaluate.drift import LEVELS, TOO_FEW

    level, different = found["drift"], f"{found['compared']:,}"
    seen = counted(found["texts"], "text")
    if level == TOO_FEW:
        return (
            f"Whether there is drift cannot be told: {different} different ones of {seen}; "
            f"it takes {found['needed']:,}."
        )
    compared = f"{different} of {seen} compared with the training data"
    if level == LEVELS[0]:
        return f"No drift: {compared}."
    names = ", ".join(NAMES[change.name] for change in changes if change.level == level)
    return (
        f"Drift ({level}; {names}): {compared}. Scores measured in training may not hold for these "
        "texts: label some of them and run feinschliff evaluate."
    )


def _name(change: Change) -> str:
    return NAMES[change.name] + (f" (most: {change.label})" if change.label else "")


def _ends(change: Change) -> tuple[str, str]:
    if change.before is None or change.after is None:
        return "", ""
    if change.name == "labels":
        return f"{change.before:.1%}", f"{change.after:.1%}"
    return f"{change.before:.4g}", f"{change.after:.4g}"
