"""The names that a setting takes and what each of them means, from what the program holds."""

from __future__ import annotations

from collections.abc import Callable


def names_of(setting: str) -> dict[str, str]:
    """Return the names and their meanings; none for a setting whose values are no such names."""
    return LISTS[setting]() if setting in LISTS else {}


def _parts(family: str) -> Callable[[], dict[str, str]]:
    def listed() -> dict[str, str]:
        from feinschliff import registry

        modules = {name: registry.load(family, name) for name in registry.names(family)}
        return {name: (module.__doc__ or "").splitlines()[0] for name, module in modules.items()}

    return listed


def _findings() -> dict[str, str]:
    from feinschliff.data import audit

    return audit.KINDS


def _removable() -> dict[str, str]:
    from feinschliff.data import audit

    return {name: meaning for name, meaning in audit.KINDS.items() if name in audit.REMOVABLE}


def _metrics() -> dict[str, str]:
    from feinschliff.evaluate import LOWER_IS_BETTER, METRICS
    from feinschliff.report.language import catalogue

    texts, found = catalogue("en"), {}
    for name in dict.fromkeys(name for names in METRICS.values() for name in names):
        title, meaning = texts["metrics"][name], texts["metric_help"].get(name)
        kinds = ", ".join(kind for kind, names in METRICS.items() if name in names)
        less = "; less is better" if name in LOWER_IS_BETTER else ""
        found[name] = f"{title}{f': {meaning}' if meaning else ''} ({kinds}{less})."
    return found


LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "task": _parts("tasks"),
    "data.remove": _removable,
    "data.refuse": _findings,
    "evaluate.baselines": _parts("baselines"),
    "evaluate.require": _metrics,
    "adapt.objective": _parts("objectives"),
}
"""By setting, what gives its names."""
