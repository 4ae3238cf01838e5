"""What a finished run prints: its systems side by side, and where to go from here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from feinschliff.cli._output import console, table
from feinschliff.cli._progress import duration

MORE_METRICS = ("accuracy", "entity_precision", "entity_recall", "exact_match", "rmse")
"""Metrics shown beside the primary one, at most two."""


def print_summary(result: Mapping[str, Any], run: Path, source: str) -> None:
    """Print the table of systems, the paths of report and model, and three commands to try.

    Args:
        result: The run's `result.json`.
        run: The run's folder.
        source: The data, for the commands.
    """
    screen = console()
    primary = result["primary_metric"]
    measured = result["metrics"]["test"]
    shown = [primary, *[m for m in MORE_METRICS if m in measured and m != primary][:2]]
    found = table("system", *shown, "seconds", right=("seconds",))
    for system in result["systems"]:
        scores = [interval(system["metrics"].get(name)) for name in shown]
        seconds = system.get("seconds")
        found.add_row(
            system.get("title") or system["name"], *scores, "" if seconds is None else f"{seconds:.1f}"
        )
    splits = result["data"]["splits"]
    screen.print(
        f"\nOn {splits['test']:,} test examples, with {_confidence(result)} % confidence intervals:\n"
    )
    screen.print(found)
    for sentence in gains(result):
        screen.print(sentence)
    for requirement in result.get("requirements") or ():
        state = "reached" if requirement["reached"] else "NOT reached"
        screen.print(f"Required {requirement['text']}: {state}.")
    if result.get("duration_seconds"):
        screen.print(f"It took {duration(result['duration_seconds'])} in all.")
    screen.print(f"\nReport  {run / 'report.html'}\nModel   {run / 'model'}\n\nTry next:")
    for command in next_commands(run, source):
        screen.print(f"  {command}")


def next_commands(run: Path, source: str) -> list[str]:
    """Return three commands that go on from a finished run."""
    model, data = quote(str(run / "model")), quote(source)
    return [
        f"echo 'A text of your own.' | feinschliff predict {model} - --format text",
        f"feinschliff predict {model} {data} -o predictions.csv",
        f"feinschliff evaluate {model} {data}",
    ]


def interval(score: Any, digits: int = 3) -> str:
    """Write a score with its interval: `0.836 [0.818, 0.853]`."""
    if score is None or (isinstance(score, Mapping) and score["value"] is None):
        return "-"
    if not isinstance(score, Mapping):
        return f"{score:.{digits}f}"
    text = f"{score['value']:.{digits}f}"
    low, high = score.get("low"), score.get("high")
    return text if low is None or high is None else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def gains(result: Mapping[str, Any]) -> list[str]:
    """Say in one sentence each what the tuned model gains over the other systems."""
    titles = {s["name"]: s.get("title") or s["name"] for s in result["systems"]}
    sentences = []
    for c in result["comparisons"]:
        if c["difference"] is None:
            continue
        p = c.get("p_value_corrected")
        p = c.get("p_value") if p is None else p
        chance = "" if p is None else f", p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
        spread = "" if c.get("low") is None else f" [{c['low']:+.3f}, {c['high']:+.3f}]"
        sentences.append(
            f"{titles.get(c['a'], c['a'])} against {titles.get(c['b'], c['b'])}: "
            f"{c['difference']:+.3f} {c['metric']}{spread}{chance}"
        )
    return sentences


def _confidence(result: Mapping[str, Any]) -> str:
    confidence = ((result.get("config") or {}).get("evaluate") or {}).get("confidence", 0.95)
    return f"{confidence * 100:g}"
