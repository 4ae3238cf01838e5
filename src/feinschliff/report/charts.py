"""The charts of the report, each from plain values to inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from feinschliff.report.language import Language
from feinschliff.report.svg import Plot, Scale, sample, scale
from feinschliff.report.values import score

MAX_CURVE_POINTS = 300
MAX_SCATTER_POINTS = 1500
MAX_TITLED_CELLS = 1500
SHADES = 5
MOST_LENGTHS = 0.99
"""Share of the texts that the histogram of lengths must show."""


def interval(value: Any, on: Scale, kind: str, zero: bool = False, ticks: bool = True) -> Markup:
    """Draw a score and its interval on a shared scale, for a cell of a table; off the scale, an arrow."""
    own = score(value)
    plot = Plot(on, Scale(0, 1), 22)
    if ticks:
        for tick in on.ticks(4):
            plot.line(tick, 0, tick, 1, "zero" if zero and tick == 0 else "grid")
    middle, low, high = own["value"], own["low"], own["high"]
    if middle is not None and not on.low <= middle <= on.high:
        plot.text("0%" if middle < on.low else "100%", 17, "◂" if middle < on.low else "▸", "off", "middle")
    else:
        if low is not None and high is not None:
            plot.line(max(low, on.low), 0.5, min(high, on.high), 0.5, f"range {kind}")
        if middle is not None:
            plot.dot(middle, 0.5, f"mark {kind}", radius=4.5 if ticks else 3.5)
    return Markup('<svg class="cell" aria-hidden="true" width="100%" height="22">{}</svg>').format(
        Markup("").join(plot.parts)
    )


def interval_axis(on: Scale, words: Language, signed: bool = False) -> Markup:
    """Draw the ticks that belong to a column of intervals."""
    plot = Plot(on, Scale(0, 1), 0)
    write = words.signed if signed else words.number
    plot.x_axis([(tick, write(tick, on.digits)) for tick in on.ticks(4)])
    return Markup('<svg class="cell" aria-hidden="true" width="100%" height="20">{}</svg>').format(
        Markup("").join(plot.parts)
    )


def curve(
    name: str,
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    words: Language,
    x_name: str,
    best: tuple[float, str] | None = None,
    dots: bool = False,
) -> Markup:
    """Draw lines over the course of the training.

    Args:
        name: Unique within the page.
        title: What the y axis shows.
        series: CSS class of a line to its points.
        words: The report's language.
        x_name: What the x axis shows.
        best: Place of a vertical mark and its label.
        dots: Draw the single points too.
    """
    points = [point for line in series.values() for point in line]
    x = scale((p[0] for p in points), pad=0, include=[0.0])
    plot = Plot(x, scale((p[1] for p in points), pad=0.08), 170)
    plot.y_axis([(tick, words.number(tick, plot.y.digits)) for tick in plot.y.ticks(4)])
    whole = all(tick == int(tick) for tick in x.ticks(5))
    plot.x_axis([(tick, words.number(tick, 0 if whole else x.digits)) for tick in x.ticks(5)], x_name)
    if best:
        plot.line(best[0], plot.y.low, best[0], plot.y.high, "best")
        plot.text(plot.left(best[0]), -5, best[1], "axis")
    for kind, line in series.items():
        kept = sample(line, MAX_CURVE_POINTS)
        plot.path(kept, f"line {kind}")
        if dots or len(kept) == 1:
            for px, py in kept:
                plot.dot(px, py, f"mark {kind}", f"{words.measure(px)}: {words.number(py)}", 3)
    low, high = words.measure(plot.x.low), words.measure(plot.x.high)
    described = words("training.curve_desc", name=title, place=x_name, low=low, high=high)
    return plot.render(name, title, described)


def histogram(lengths: Mapping[str, Any], words: Language) -> Markup | None:
    """Draw how long the texts are, with the model's window as a line."""
    bins = lengths.get("tokens") or {}
    edges, counts = bins.get("bins") or [], bins.get("counts") or []
    if len(edges) != len(counts) + 1 or not any(counts):
        return None
    unit = words.find("units", lengths.get("unit") or "tokens")
    limit = lengths.get("limit")
    total, last, shown = sum(counts), 0, 0
    while shown < MOST_LENGTHS * total:  # a single very long text would flatten all others
        shown, last = shown + counts[last], last + 1
    high = edges[last] if not limit or limit > 2 * edges[last] else max(edges[last], limit * 1.06)
    plot = Plot(Scale(edges[0], high), Scale(0, max(counts) * 1.12), 170)
    plot.y_axis([(tick, words.count(tick)) for tick in plot.y.ticks(3)])
    plot.x_axis([(tick, words.count(tick)) for tick in plot.x.ticks(5)], unit)
    for left, right, count in zip(edges[:last], edges[1 : last + 1], counts[:last], strict=True):
        if count:
            kind = "column over" if limit and left >= limit else "column"
            plot.bar(
                left, right, count, kind, f"{words.count(left)}–{words.count(right)}: {words.count(count)}"
            )
    if total > shown:
        plot.text("100%", 14, f"{words('adapted.longer', count=total - shown)} ▸", "axis", "end")
    if limit and limit <= high:
        plot.line(limit, 0, limit, plot.y.high, "best")
        plot.text(plot.left(limit), -5, words("adapted.limit", count=limit), "axis", "end")
    described = words(
        "adapted.lengths_desc",
        unit=unit,
        **{key: words.count(lengths.get(key)) for key in ("median", "p95", "max")},
    )
    return plot.render("lengths", words("adapted.lengths"), described)


def reliability(calibration: Mapping[str, Any], words: Language) -> Markup | None:
    """Draw how often answers of a stated confidence are right, before and after scaling."""
    lines = {}
    for key, kind in (("before", "plain"), ("after", "own")):
        bins = (calibration.get(key) or {}).get("bins") or ()
        lines[kind] = [
            (b["confidence"], b["accuracy"], b.get("count") or 0)
            for b in bins
            if b.get("confidence") is not None and b.get("accuracy") is not None and b.get("count") != 0
        ]
    if not any(lines.values()):
        return None
    plot = Plot(Scale(0, 1), Scale(0, 1), 260)
    plot.y_axis([(tick, words.number(tick, 1)) for tick in plot.y.ticks(5)])
    plot.x_axis([(tick, words.number(tick, 1)) for tick in plot.x.ticks(5)], words("calibration.confidence"))
    plot.path([(0, 0), (1, 1)], "line ideal")
    for kind, points in lines.items():
        plot.path([(x, y) for x, y, _ in points], f"line {kind}")
        most = max((count for *_, count in points), default=0) or 1
        for x, y, count in points:
            title = f"{words.number(x)} → {words.number(y)} ({words.count(count)})"
            plot.dot(x, y, f"mark {kind}", title, 2.5 + 4 * math.sqrt(count / most))
    return plot.render(
        "reliability", words("calibration.chart"), words("calibration.chart_desc"), "plot square"
    )


def coverage(curve: Sequence[Mapping[str, Any]] | None, words: Language) -> Markup | None:
    """Draw how accurate the answers are when only the surest share is given."""
    points = [p for p in curve or () if p.get("coverage") is not None and p.get("accuracy") is not None]
    if len(points) < 2:
        return None
    ends = [p[key] for p in points[2:] or points for key in ("low", "high") if p.get(key) is not None]
    plot = Plot(Scale(0, 1), scale([*ends, *(p["accuracy"] for p in points)], pad=0.04), 260)
    plot.y_axis([(tick, words.number(tick, plot.y.digits)) for tick in plot.y.ticks(5)])
    plot.x_axis([(tick, words.percent(tick, 0)) for tick in plot.x.ticks(5)], words("calibration.answered"))
    for p in points:
        if p.get("low") is not None and p.get("high") is not None:
            low, high = max(p["low"], plot.y.low), min(p["high"], plot.y.high)
            plot.line(p["coverage"], low, p["coverage"], high, "range own faint")
    plot.path([(p["coverage"], p["accuracy"]) for p in points], "line own")
    for p in points:
        title = words(
            "calibration.point",
            coverage=words.percent(p["coverage"]),
            accuracy=words.percent(p["accuracy"]),
            threshold=words.number(p.get("threshold")),
        )
        plot.dot(p["coverage"], p["accuracy"], "mark own", title, 3)
    described = words("calibration.coverage_desc")
    return plot.render("coverage", words("calibration.coverage"), described, "plot square")


def deletion(facts: Mapping[str, Any], words: Language) -> Markup | None:
    """Draw what the answer loses without the words with the largest weights, and without others."""
    lines = {"plain": facts.get("at_random"), "own": facts.get("by_weight")}
    shares = facts.get("shares") or ()
    if not shares or not all(lines.values()):
        return None
    high = max(v for line in lines.values() for v in line or ())
    plot = Plot(Scale(0, max(shares)), scale([0.0, high], pad=0.06), 200)
    plot.y_axis([(tick, words.number(100 * tick, 0)) for tick in plot.y.ticks(4)])
    plot.x_axis([(s, words.percent(s, 0)) for s in (0.0, *shares)], words("reasons.left_out"))
    for kind, line in lines.items():
        points = [(0.0, 0.0), *zip(shares, line or (), strict=False)]
        plot.path(points, f"line {kind}")
        for share, lost in points[1:]:
            title = words("reasons.point", share=words.percent(share, 0), lost=words.number(100 * lost, 1))
            plot.dot(share, lost, f"mark {kind}", title, 3)
    return plot.render("deletion", words("reasons.lost"), words("reasons.chart_desc"))


def scatter(values: Mapping[str, Any], words: Language) -> Markup | None:
    """Draw predicted over true numbers."""
    pairs = list(zip(values.get("true") or (), values.get("predicted") or (), strict=False))
    pairs = [(float(t), float(p)) for t, p in pairs if t is not None and p is not None]
    if not pairs:
        return None
    both = scale((v for pair in pairs for v in pair), pad=0.04)
    plot = Plot(both, both, 300)
    ticks = [(tick, words.number(tick, both.digits)) for tick in both.ticks(5)]
    plot.y_axis(ticks)
    plot.x_axis(ticks, words("errors.true_value"))
    plot.path([(both.low, both.low), (both.high, both.high)], "line ideal")
    kept = sample(pairs, MAX_SCATTER_POINTS)
    for true, predicted in kept:
        plot.dot(true, predicted, "point", radius=2.5)
    described = words("errors.predictions_desc", count=len(kept))
    return plot.render("scatter", words("errors.predictions"), described, "plot square")


def heat_map(labels: Sequence[str], matrix: Sequence[Sequence[int]], words: Language) -> Markup:
    """Draw the shares of each true label that went to each predicted label; empty cells stay empty."""
    size = len(labels)
    filled = [
        (row, column, count, min(SHADES, 1 + int(SHADES * count / total)))
        for row, counts in enumerate(matrix)
        if (total := sum(counts))
        for column, count in enumerate(counts)
        if count
    ]
    parts = []
    if len(filled) <= MAX_TITLED_CELLS:
        for row, column, count, shade in filled:
            title = words("errors.cell", true=labels[row], predicted=labels[column], count=count)
            parts.append(
                Markup(
                    '<rect class="{} s{}" x="{}" y="{}" width="1" height="1"><title>{}</title></rect>'
                ).format("hit" if row == column else "miss", shade, column, row, title)
            )
    else:
        groups: dict[tuple[str, int], list[str]] = {}
        for row, column, _, shade in filled:
            groups.setdefault(("hit" if row == column else "miss", shade), []).append(
                f"M{column} {row}h1v1h-1z"
            )
        for (kind, shade), steps in sorted(groups.items()):
            parts.append(Markup('<path class="{} s{}" d="{}"/>').format(kind, shade, "".join(steps)))
    described = words("errors.confusion_desc", count=size)
    return Markup(
        '<svg class="heat" role="img" viewBox="0 0 {0} {0}" aria-labelledby="heat-t heat-d">'
        '<title id="heat-t">{1}</title><desc id="heat-d">{2}</desc>{3}</svg>'
    ).format(size, words("errors.confusion"), described, Markup("").join(parts))


def learning(
    points: Sequence[Mapping[str, Any]], metric: str, titles: Mapping[str, str], words: Language
) -> Markup:
    """Draw the score over the number of labelled texts, one line per system, with intervals.

    Args:
        points: Each with `system`, `labels` and a `score`.
        metric: What the score is called.
        titles: What the systems are called; the first is drawn as ours.
        words: The report's language.
    """
    scored = [(p["system"], float(p["labels"]), score(p["score"])) for p in points]
    plot = Plot(
        scale((math.log(n) for _, n, _ in scored), pad=0.04),
        scale([v for *_, own in scored for v in own.values()], pad=0.06),
        220,
    )
    plot.y_axis([(tick, words.number(tick, plot.y.digits)) for tick in plot.y.ticks(4)])
    counts = sorted({n for _, n, _ in scored})
    plot.x_axis([(math.log(n), words.count(n)) for n in counts], words("cheaper.labels"))
    for index, name in enumerate(titles):
        kind = "own" if index == 0 else "plain"
        own = sorted(((n, s) for system, n, s in scored if system == name), key=lambda item: item[0])
        plot.path([(math.log(n), s["value"]) for n, s in own if s["value"] is not None], f"line {kind}")
        for n, s in own:
            if s["low"] is not None and s["high"] is not None:
                plot.line(math.log(n), s["low"], math.log(n), s["high"], f"range {kind}")
            assert s["value"] is not None
            plot.dot(
                math.log(n),
                s["value"],
                f"mark {kind}",
                f"{titles[name]}, {words.count(n)}: {words.number(s['value'])}",
            )
    described = words(
        "cheaper.curve_desc",
        metric=metric,
        systems=words.enumerate(list(titles.values())),
        low=words.count(min(counts)),
        high=words.count(max(counts)),
    )
    return plot.render("learning", words("cheaper.curve"), described)
