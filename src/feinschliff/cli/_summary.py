"""What a finished run prints: its systems side by side, and where to go from here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from shlex import quote
from typing import Any

from feinschliff.cli._output import console, table
from feinschliff.cli._progress import duration
from feinschliff.errors import program, relative
from feinschliff.report.language import Language
from feinschliff.report.luck import luck
from feinschliff.report.promises import crossed
from feinschliff.report.values import part, score
from feinschliff.report.verdict import Verdict, verdict

MORE_METRICS = ("accuracy", "entity_precision", "entity_recall", "exact_match", "rmse")
"""Metrics shown beside the primary one, at most two."""


def print_summary(result: Mapping[str, Any]) -> None:
    """Print the table of systems, the verdict, the paths of report and model, and three commands to try."""
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
    config = result["config"]
    splits, confidence = result["data"]["splits"], config["evaluate"]["confidence"]
    screen.print(f"\nOn {splits['test']:,} test examples, with {confidence:.0%} confidence intervals:\n")
    screen.print(found)
    screen.print()
    words = Language("en")
    for sentence in [*gains(result), *repeats(result, words)]:
        screen.print(sentence)
    for requirement in result.get("requirements") or ():
        screen.print(
            f"Required {requirement['text']}: {'reached' if requirement['reached'] else 'NOT reached'}"
        )
    print_answer(verdict(result, words))
    run = relative(config["output_dir"])
    screen.print(f"\nReport  {run}/report.html\nModel   {run}/model")
    screen.print(f"Done in {duration(result['duration_seconds'])}. Try next:\n")
    for command in next_commands(config):
        screen.print(f"  {command}")


def next_commands(config: Mapping[str, Any]) -> list[str]:
    """Return three commands that go on from a finished run with this configuration."""
    start, model = program(), quote(f"{relative(config['output_dir'])}/model")
    columns, test = config["data"], config["data"]["test"]
    if (pair := columns["text_pair"]) not in (None, "none"):
        row = json.dumps({columns["text"]: "One text.", pair: "Another."}, ensure_ascii=False)
        commands = [f"echo {quote(row)} | {start} predict {model} - --format jsonl"]
    else:
        commands = [f"echo 'A text of your own.' | {start} predict {model} - --format text"]
    if columns["train"] is None:  # the data came from a program's memory
        return commands
    data = quote(relative(columns["train"]))
    commands.append(f"{start} predict {model} {data} -o predictions.csv")
    commands.append(f"{start} evaluate {model} {quote(relative(test))}" if test else f"{start} audit {data}")
    return commands


def interval(score: Any, digits: int = 3) -> str:
    """Write a score with its interval: `0.836 [0.818, 0.853]`."""
    if score is None or (isinstance(score, Mapping) and score["value"] is None):
        return "-"
    if not isinstance(score, Mapping):
        return f"{score:.{digits}f}"
    text = f"{score['value']:.{digits}f}"
    low, high = score.get("low"), score.get("high")
    return text if low is None or high is None else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def print_answer(answer: Verdict) -> None:
    """Print a verdict in one line, and its cautions."""
    screen = console()
    screen.print(f"\n{answer.word}. {answer.sentence.removesuffix('.')}.", style="bold")
    for caution in answer.cautions:
        screen.print(f"- {caution.text}")


def repeats(result: Mapping[str, Any], words: Language) -> list[str]:
    """Say what other seeds and folds reached and how many texts are answered, where it was measured."""
    seeds = luck(result, words)
    share = score(part(result, "decisions").get("answered"))["value"]
    found = [seeds["text"] if seeds else "", crossed(result, words)]
    if share is not None:
        total = result["data"]["splits"]["test"]
        found.append(f"Answers {round(share * total):,} of {total:,} texts; the scores count all.")
    return [sentence for sentence in found if sentence]


def gains(result: Mapping[str, Any]) -> list[str]:
    """Say in one sentence each what the tuned model gains over the other systems."""
    titles = {s["name"]: s.get("title") or s["name"] for s in result["systems"]}
    sentences = []
    for c in result["comparisons"]:
        if c["difference"] is None:
            continue
        corrected = c.get("p_value_corrected")
        p_value = c.get("p_value") if corrected is None else corrected
        num = 1 if corrected is None else len(result["comparisons"])
        luck = "" if p_value is None else f", {chance(p_value, num)}"
        spread = "" if c.get("low") is None else f" [{c['low']:+.3f}, {c['high']:+.3f}]"
        sentences.append(
            f"{titles.get(c['a'], c['a'])} against {titles.get(c['b'], c['b'])}: "
            f"{c['difference']:+.3f} {c['metric']}{spread}{luck}"
        )
    return sentences


def chance(p_value: float, num_comparisons: int) -> str:
    """Write a p-value and, where it is corrected, for how many comparisons; intervals are not corrected.

    >>> chance(0.0004, 1), chance(0.09, 3)
    ('p < 0.001', 'p = 0.090 (corrected for 3 comparisons)')
    """
    text = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    return f"{text} (corrected for {num_comparisons} comparisons)" if num_comparisons > 1 else text
