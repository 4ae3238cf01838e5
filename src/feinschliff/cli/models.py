"""`feinschliff models`: base models worth starting from, and what is here without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from feinschliff.models.catalogue import Entry


def models(
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="CODE", help="Only models for this language, such as de."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only models that need no network here.")
    ] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Measure instead what training takes on this machine.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With --probe: do not take an earlier measurement.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List recommended base models with language, size, licence and length, and what is available offline.

    Any other encoder of the hub, or a folder with config.json and model.safetensors, works as well:
    feinschliff train DATA --model NAME
    """
    from dataclasses import asdict

    from feinschliff.cli._output import console, print_json, table
    from feinschliff.errors import ConfigError, did_you_mean, install
    from feinschliff.models.catalogue import CATALOGUE, LANGUAGES

    if again and not probe:
        raise ConfigError("only a measurement can be repeated", where="--again", hint="Add --probe")
    if probe and (language or offline):
        raise ConfigError("measures this machine alone", where="--probe", hint="Leave the rest out")
    if probe:
        _probe(again, json)
        return
    codes = sorted({code for entry in CATALOGUE for code in entry.languages if len(code) == 2})
    if language is not None and language.lower() not in LANGUAGES:
        raise ConfigError(
            f"'{language}' is no code of a language",
            where="--language",
            allowed=f"Such as {', '.join(codes)}",
            hint=did_you_mean(language.lower()[:2], codes),
        )
    cached = _cached()
    here = {entry.name: _here(entry, cached) for entry in CATALOGUE}
    entries = [e for e in CATALOGUE if _speaks(e, language) and (here[e.name] or not offline)]
    others = sorted(set(cached) - {e.source for e in CATALOGUE})
    if json:
        print_json(
            {"models": [asdict(e) | {"offline": here[e.name]} for e in entries], "also_cached": others}
        )
        return
    screen = console()
    notes = ("note",) if screen.width >= 120 else ()
    found = table(
        "model", "language", "size", "tokens", "licence", "offline", *notes, right=("size", "tokens")
    )
    for e in entries:
        spoken = " ".join(e.languages) if len(e.languages) == 1 else "many"
        facts = [e.name, spoken, f"{e.parameters / 1e6:.0f}M", str(e.max_length_tokens), e.licence]
        found.add_row(*facts, here[e.name] or "-", *((e.note,) if notes else ()))
    if entries:
        screen.print(found)
    else:
        screen.print("No recommended model fits.")
    if others:
        screen.print(f"\nAlso in the cache: {', '.join(others)}")
    if not any(here.values()):
        get_one = install("feinschliff[quickstart]")
        screen.print(f"\nNo model is available offline. Get one: {get_one}")


def _probe(again: bool, json: bool) -> None:
    """Show what `train/machine.py` measured."""
    from feinschliff.cli._output import console, print_json, table
    from feinschliff.models.precision import resolve_device
    from feinschliff.train.machine import probe

    found = probe(resolve_device("auto"), again)
    if json:
        print_json(found)
        return
    screen = console()
    when = "measured earlier" if found["cached"] else "measured now"
    screen.print(f"{found['machine']} ({found['device']}, {found['threads']} threads), {when}\n")
    rows = table("precision", "attention", "text tokens", "tokens/s", right=("text tokens", "tokens/s"))
    for row in found["rows"]:
        numbers = f"{row['length_tokens']}", f"{row['tokens_per_second']:,}"
        rows.add_row(row["precision"], row["attention"], *numbers)
    screen.print(rows)
    screen.print(f"\ntrain.precision=auto takes {found['chosen']} here.")
    if found["best"] != found["chosen"]:
        screen.print(f"Faster in this measurement: --set train.precision={found['best']}")


def _speaks(entry: Entry, language: str | None) -> bool:
    if language is None:
        return True
    many = len(entry.languages) > 1 and entry.languages[-1] == "languages"
    return many or language.lower() in entry.languages


def _here(entry: Entry, cached: dict[str, Any]) -> str | None:
    from importlib.util import find_spec

    from feinschliff.models.locate import PACKAGED

    if entry.name in PACKAGED and find_spec(PACKAGED[entry.name].module):
        return "packaged"
    return "cached" if entry.source in cached else None


def _cached() -> dict[str, int]:
    """Return the models in the hub's local cache that have weights we load, with their size in bytes."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return {}
    return {
        r.repo_id: r.size_on_disk
        for r in repositories
        if r.repo_type == "model"
        and any(f.file_name.endswith(".safetensors") for v in r.revisions for f in v.files)
    }
