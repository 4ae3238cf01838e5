"""Find out which column is the text, which the label, and what task they make: by names and by content.

The guess is stated with its confidence and reason, and never made between equals: then the user is asked to
name the column. All evidence comes from whole columns, so that the order of the rows changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.config import RunConfig
from feinschliff.data import _names, _targets
from feinschliff.data._candidates import (
    FEWEST_GROUPS,
    is_group,
    is_plausible,
    is_time,
    label_score,
    may_be_text,
    text_score,
)
from feinschliff.data._reasons import ROLES, ask, explained, quoted
from feinschliff.data.dataset import Columns, Kind, kind_of
from feinschliff.data.derive import ZERO_ONE, derive, inner_names, parts_of, says_yes, sources
from feinschliff.data.marked import find_split
from feinschliff.data.profile import Profile, profile, simplify
from feinschliff.errors import ConfigError, DataError, nearest
from feinschliff.readers import Table

MARGIN = 1.0
"""A candidate must lead the next by this much; otherwise the user is asked."""
FEW_PROMPTS = 0.02
"""Up to that share of different cells a question may be what all answers were asked for."""
MOST_WORDS_OF_A_NAME = 3
FEWEST_ONES = 3
"""So many columns of 0 and 1, and no other label, are one label each."""
OPTIONS = ("text", "text_pair", "label", "group")
"""Roles that have an option of the command line."""
DECLINABLE = ("text_pair", "group", "split")
"""Roles of which `none` says that no column plays them."""


def infer(table: Table, config: RunConfig, labelled: bool | None = None) -> Columns:
    """Decide what the columns of a table mean.

    Args:
        config: Columns and task named in it are taken as said.
        labelled: True: a label column is needed; False: none is looked for; None: take one if it is there.

    Raises:
        ConfigError: a named column does not exist; several columns could be meant; no text or, where one is
            needed, no label column is found; the task named does not suit the labels.
        DataError: the table holds no rows.
    """
    given = table = simplify(table)
    names = table.columns.column_names
    if not names or not len(table):
        raise DataError("the file holds no rows", where=table.name, hint="Check the path and data.format")
    data = config.data
    roles = {role: getattr(data, role) for role in ROLES}
    written = table.columns
    declined = {r for r in DECLINABLE if (roles[r] or "").casefold() == "none" and roles[r] not in names}
    roles |= dict.fromkeys(declined, "")
    table = derive(table, *roles.values())
    for role, name in roles.items():
        if name:
            require_column(table, name, f"data.{role}")
    _targets.require_task(config.task)
    wanted = None if config.task == "auto" else kind_of(config.task)
    labelled = False if wanted == "unlabelled" else labelled
    profiles = {name: profile(name, table.columns[name]) for name in table.columns.column_names}
    named = set().union(*map(sources, roles.values()))
    free = {n: p for n, p in profiles.items() if n not in named and not _is_menu(n, profiles)}
    inner = {
        n: profile(n.rpartition(".")[2], _cells(table, n))
        for n in inner_names(table.columns)
        if n not in named
    }
    every = inner | profiles
    marked = find_split(table, free) or find_split(table, inner)
    free, inner = ({n: p for n, p in c.items() if n != marked} for c in (free, inner))

    pair: str | None
    label: str | None
    may_span = labelled is not False and wanted in (None, "ner")
    spanned = _with_spans(profiles, inner, roles) if may_span else None
    if spanned:
        text, label, pair, sure = *spanned, None, 0.95
    else:
        text, pair, sure = _find_text(table, free, inner, roles)
        rest, inside = ({n: p for n, p in c.items() if n not in (text, pair)} for c in (free, inner))
        label, label_sure = None, 1.0
        if labelled is not False:
            label, label_sure = _find_label(table, rest, inside, roles, wanted, labelled, bool(pair))
        sure = min(sure, label_sure)
    table = derive(table, text, label)
    taken = sources(label) | {text, pair}
    rest = {n: p for n, p in free.items() if n not in taken}
    of_spans = "ner" if spanned and config.task == "auto" else config.task
    task, why, task_sure = _targets.infer_task(table, label, of_spans)
    if kind_of(task) == "ner" and (pair or roles["text_pair"]):
        return infer(given, _with_one_text(table, config), labelled)
    why = "spans" if spanned else why
    if label and (parts := parts_of(label, written)):
        only_one = _targets.holds_one(table.columns[label])
        why = f"{len(parts)} columns of 0 and 1" + (", in each row one 1" if only_one else "")
        task_sure = min(task_sure, 0.9)
    group = _find_group(rest, len(table)) if roles["group"] is None else roles["group"]
    columns = Columns(
        task=task,
        text=text,
        text_pair=pair,
        label=label,
        id=roles["id"] or _find_id(rest),
        group=group or None,
        time=roles["time"] or next((n for n, p in rest.items() if is_time(p)), None),
        split=(marked if roles["split"] is None else roles["split"]) or None,
        confidence=round(min(sure, task_sure), 2),
        separator=_targets.separator_of(table, label, kind_of(task)),
        dash_is_none=_targets.dash_is_none(table, label, kind_of(task)),
    )
    played = {columns.id, columns.group, columns.time}
    unused = [p for n, p in rest.items() if n not in played and is_plausible(p, labelled is not False)]
    unused += [replace(every[marked], name=marked)] if marked and not columns.split else []
    users = {n for n in roles.values() if n}
    return explained(columns, every, written, why, users, unused)


def require_column(table: Table, name: str, setting: str) -> None:
    """Raise ConfigError, suggesting the nearest, unless the table has this column."""
    if name in table.columns.column_names:
        return
    names = table.columns.column_names + inner_names(table.columns)
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and any(part in names for part in parts):  # several columns, one of them misspelt
        name = next((part for part in parts if part not in names), name)
    close = nearest(name, names) or next((n for n in names if n.casefold() == name.casefold()), None)
    role = setting.removeprefix("data.")
    option = f"--{role.replace('_', '-')} " if role in OPTIONS else f"--set {setting}="
    raise ConfigError(
        f"there is no column '{name}' ({setting})",
        where=table.name,
        allowed=f"The columns are: {', '.join(map(repr, names))}. {table.as_read}".strip(),
        hint=f"Did you mean {option}{quoted(close)}?" if close else f"Name one of them: {option}COLUMN",
    )


def _with_spans(
    profiles: dict[str, Profile], inner: dict[str, Profile], roles: dict[str, str | None]
) -> tuple[str, str] | None:
    """Return (text, label) columns when the table carries spans."""
    named, every = roles["label"], profiles | inner
    label = named or next((n for n, p in every.items() if p.kind == "spans"), None)
    if label is None or every[label].kind != "spans":
        return None
    others = _names.ID | _names.META | _names.TIME | _names.GROUP
    strings = [n for n, p in profiles.items() if p.kind == "string" and _names.plain(n) not in others]
    strings = strings or [n for n, p in inner.items() if p.kind == "string"]
    called = [n for n in strings if n.rpartition(".")[2] == "text"]
    called = called or [n for n in strings if _names.plain(n) in _names.TEXT_STRONG] or strings
    text = roles["text"] or (called[0] if len(called) == 1 else None)
    return (text, label) if text else None


def _with_one_text(table: Table, config: RunConfig) -> RunConfig:
    """Return the configuration without a second text, in which no entities could be marked.

    Raises:
        ConfigError: one is named.
    """
    if second := config.data.text_pair:
        raise ConfigError(
            f"entities are marked in one text, and '{second}' is named as a second one (data.text_pair)",
            where=table.name,
            allowed="Pairs are for labels of the whole pair",
            hint=f"Leave out --text-pair {quoted(second)}, or name other labels: --label COLUMN",
        )
    return config.model_copy(update={"data": config.data.model_copy(update={"text_pair": "none"})})


def _find_text(
    table: Table, free: dict[str, Profile], inner: dict[str, Profile], roles: dict[str, str | None]
) -> tuple[str, str | None, float]:
    """Return (text, second text, confidence); objects are looked into where no column is the text.

    A second text of "" was declined.
    """
    scores = {n: text_score(p) for n, p in free.items() if may_be_text(p)}
    named, pair = roles["text"], roles["text_pair"]
    if named:
        return named, (_other_half(named, scores) if pair is None else pair or None), 1.0
    for first in scores if pair != "" else ():
        second = _other_half(first, scores)
        if second and scores[first] >= 1.0:
            if pair is None and _names.plain(first) in _names.PROMPTS and free[first].spread <= FEW_PROMPTS:
                fact = (
                    f"'{first}' holds few different texts, so '{second}' may be the text, or both are a pair"
                )
                more = f", or both: --text {quoted(first)} --text-pair {quoted(second)}"
                raise ask("text", table, {name: free[name] for name in (second, first)}, fact, more)
            return first, pair or second, 0.95
    best = sorted((n for n in scores if scores[n] >= 1.0), key=lambda n: -scores[n])
    if not best:  # short texts under an unusual name: take the one column of many different strings
        best = [n for n, p in free.items() if p.kind == "string" and p.spread > 0.5]
    if not best and inner:
        return _find_text(table, inner, {}, roles)
    if not best:
        raise ask("text", table, free, "no column looks like text")
    if len(best) > 1 and scores[best[0]] - scores[best[1]] < MARGIN:
        close = {n: free[n] for n in best if scores[best[0]] - scores[n] < MARGIN}
        if not (body := _names.body(close)):
            more = "" if pair == "" else _pair_of(close, list(free))
            raise ask("text", table, close, f"{len(close)} columns could be the text", more)
        best = [body]
    rank = _names.rank(best[0], _names.TEXT_STRONG, _names.TEXT_WEAK)
    return best[0], pair or None, {3: 0.95, 2: 0.85}.get(rank, 0.7 if scores[best[0]] >= 1.5 else 0.6)


def _other_half(first: str, scores: dict[str, float]) -> str | None:
    """Return the text that makes a pair with this one, going by its name."""
    by_plain = {_names.plain(n): n for n, score in scores.items() if score >= 1.0}
    return next((by_plain[n] for n in _names.other_half(first) if n in by_plain), None)


def _pair_of(close: dict[str, Profile], order: list[str]) -> str:
    """Return how to name two texts as a pair, if they stand side by side and are about equally long."""
    for first, second in pairwise(order):
        if first in close and second in close:
            short, long = sorted((close[first].words, close[second].words))
            if short >= 2.5 and long <= 2 * short:
                return f"; for pairs of texts: --text {quoted(first)} --text-pair {quoted(second)}"
    return ""


def _find_label(
    table: Table,
    free: dict[str, Profile],
    inner: dict[str, Profile],
    roles: dict[str, str | None],
    wanted: Kind | None,
    labelled: bool | None,
    is_pair: bool,
) -> tuple[str | None, float]:
    """Return (label, confidence); objects are looked into where no column is a label."""
    if roles["label"]:
        return roles["label"], 1.0
    scores = {n: label_score(p, is_pair) for n, p in free.items()}
    best = sorted((n for n in scores if scores[n] >= 1.0), key=lambda n: -scores[n])
    ones = _ones(table, free) if wanted not in ("regression", "ner") else []
    strong = any(_names.rank(n, _names.LABEL_STRONG) == 3 for n in best)
    if len(ones) >= FEWEST_ONES and set(best) <= set(ones) and not strong:
        return ",".join(ones), 0.8
    if not best:
        if inner:
            return _find_label(table, inner, {}, roles, wanted, labelled, is_pair)
        if labelled:
            raise ask("label", table, free, "no column looks like a label")
        return None, 1.0
    if len(best) > 1 and scores[best[0]] - scores[best[1]] < MARGIN:
        close = [n for n in best if scores[best[0]] - scores[n] < MARGIN]
        together = ",".join(n for n in ones if n in close) if len(ones) > 1 else ""
        more = f"; if a text may have several: --label {quoted(together)}" if together else ""
        fact = f"{len(close)} columns could be the label"
        raise ask("label", table, {n: free[n] for n in close}, fact, more)
    named = _names.rank(best[0], _names.LABEL_STRONG, _names.LABEL_WEAK)
    return best[0], {3: 0.95, 2: 0.85}.get(named, 0.6)


def _is_menu(name: str, profiles: dict[str, Profile]) -> bool:
    """Return whether a column holds what could be chosen, where Prodigy writes beside it what was."""
    return name == "options" and {"_task_hash", "accept"} <= profiles.keys()


def _ones(table: Table, free: dict[str, Profile]) -> list[str]:
    """Return the columns that hold 0 and 1, or true and false, in every cell, and could be labels."""
    others = _names.ID | _names.TIME | _names.META | _names.GROUP
    few = [n for n, p in free.items() if 0 < p.distinct <= 2 and p.filled == 1.0 and "," not in n]
    return [
        name
        for name in few
        if free[name].kind != "list"
        and _names.plain(name) not in others
        and (says_yes(pc.unique(_cells(table, name)), ZERO_ONE) >= 0).all()
    ]


def _cells(table: Table, name: str) -> pa.ChunkedArray:
    return derive(table, name).columns[name]


def is_text(name: str, table: Table) -> bool:
    """Return whether the name of a table's only column looks like one of its cells, and not like a name."""
    known = _names.TEXT_STRONG | _names.TEXT_WEAK
    column, num_words = profile(name, table.columns[name]), len(name.split())
    looks_alike = num_words > MOST_WORDS_OF_A_NAME or num_words >= column.words / 2
    return column.kind == "string" and not _names.rank(name, known) and looks_alike


def _find_id(free: dict[str, Profile]) -> str | None:
    """Return a column named like an identifier whose values are all different."""
    for name, column in free.items():
        key = _names.plain(name)
        if (key in _names.ID or key.endswith("_id")) and column.distinct == column.num_rows > 0:
            return name
    return None


def _find_group(free: dict[str, Profile], num_rows: int) -> str | None:
    """Return a column named like a group that has many values, each in several rows."""
    for name, column in free.items():
        several = column.distinct >= FEWEST_GROUPS and column.spread <= 0.8
        if is_group(column) and column.num_rows == num_rows and several:
            return name
    return None


def group_column(table: Table, columns: Columns) -> str | None:
    """Return the column that looks like a group although none is used as such, or None."""
    parts = {columns.text, columns.text_pair, columns.label, columns.id, columns.time}
    names = _names.GROUP | _names.GROUP_NUMBERS
    named = [n for n in table.columns.column_names if n not in parts and _names.plain(n) in names]
    return _find_group({n: profile(n, table.columns[n]) for n in named}, len(table))
