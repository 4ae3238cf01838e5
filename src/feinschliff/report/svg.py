"""A plot of fluid width: text keeps its size on every screen.

Horizontal places are percentages of the drawing's width, vertical ones are pixels. Axis labels lie in margins
that CSS gives (`overflow: visible`). Lines through many points live in a nested drawing that is stretched.
Colours are CSS classes, so the page's light and dark colours apply.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

WIDTH = 1000


@dataclass(frozen=True)
class Scale:
    """A linear map from [low, high] to [0, 1]."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Return the place of a value, 0 to 1 within the scale."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values within the scale.

        >>> Scale(0, 1).ticks(5)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        step = _step((self.high - self.low) / max(1, about))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]

    @property
    def digits(self) -> int:
        """Decimals that tell the ticks apart."""
        step = _step((self.high - self.low) / 5)
        return max(0, -math.floor(math.log10(step) + 1e-9))


def scale(values: Iterable[float | None], pad: float = 0.06, include: Sequence[float] = ()) -> Scale:
    """Return a scale that holds all values and a little air; it never has zero width."""
    known = [v for v in (*values, *include) if v is not None and math.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = (high - low) * pad if high - low > 1e-9 else abs(high) * 0.1
    room = room if high - low + room > 1e-9 else 1.0
    return Scale(low - room, high + room)


@dataclass
class Plot:
    """A drawing of the given height in pixels with a linear x and y scale."""

    x: Scale
    y: Scale
    height: int
    parts: list[Markup] = field(default_factory=list)

    def left(self, value: float) -> str:
        """Return the horizontal place of a value, in percent."""
        return f"{100 * self.x(value):.2f}%"

    def top(self, value: float) -> str:
        """Return the vertical place of a value, in pixels; large values are high."""
        return f"{self.height * (1 - self.y(value)):.1f}"

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line."""
        self.parts.append(
            Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
                kind, self.left(x1), self.top(y1), self.left(x2), self.top(y2)
            )
        )

    def dot(self, x: float, y: float, kind: str, title: str = "", radius: float = 3.5) -> None:
        """Draw a point; the title shows under the mouse."""
        inner = Markup("<title>{}</title>").format(title) if title else ""
        self.parts.append(
            Markup('<circle class="{}" cx="{}" cy="{}" r="{}">{}</circle>').format(
                kind, self.left(x), self.top(y), f"{radius:g}", inner
            )
        )

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Draw a line through the points."""
        if len(points) < 2:
            return
        steps = " ".join(f"{WIDTH * self.x(x):.1f},{self.height * (1 - self.y(y)):.1f}" for x, y in points)
        self.parts.append(
            Markup(
                '<svg viewBox="0 0 {0} {1}" width="100%" height="{1}" preserveAspectRatio="none">'
                '<polyline class="{2}" points="{3}"/></svg>'
            ).format(WIDTH, self.height, kind, steps)
        )

    def bar(self, x1: float, x2: float, y: float, kind: str, title: str = "") -> None:
        """Draw a bar from the bottom of the plot to y."""
        tall = max(0.0, self.height * self.y(y))
        inner = Markup("<title>{}</title>").format(title) if title else ""
        self.parts.append(
            Markup('<rect class="{}" x="{}" y="{}" width="{}%" height="{}">{}</rect>').format(
                kind,
                self.left(x1),
                f"{self.height - tall:.1f}",
                f"{100 * max(0.0, self.x(x2) - self.x(x1)):.2f}",
                f"{tall:.1f}",
                inner,
            )
        )

    def text(
        self, left: str, top: float, text: str, kind: str = "tick", anchor: str = "middle", shift: float = 0
    ) -> None:
        """Write at a place (percent and pixels); `shift` moves by pixels to the right."""
        self.parts.append(
            Markup('<text class="{}" x="{}" y="{}" dx="{}" text-anchor="{}">{}</text>').format(
                kind, left, f"{top:g}", f"{shift:g}", anchor, text
            )
        )

    def x_axis(self, ticks: Sequence[tuple[float, str]], name: str = "") -> None:
        """Write the ticks of the x axis below the plot, and its name below them."""
        for value, label in ticks:
            place = self.x(value)
            self.text(self.left(value), self.height + 16, label, anchor=_anchor(place))
        if name:
            self.text("100%", self.height + 34, name, "axis", "end")

    def y_axis(self, ticks: Sequence[tuple[float, str]]) -> None:
        """Draw a quiet line for each tick of the y axis and write it left of the plot."""
        for value, label in ticks:
            self.line(self.x.low, value, self.x.high, value, "grid")
            self.text("0", float(self.top(value)) + 4, label, anchor="end", shift=-8)

    def render(self, name: str, title: str, description: str, kind: str = "plot") -> Markup:
        """Return the drawing, readable by screen readers.

        Args:
            name: Unique within the page.
            title: What is drawn.
            description: What can be seen, in words.
            kind: CSS class that gives the margins.
        """
        return Markup(
            '<svg class="{0}" role="img" width="100%" height="{1}" aria-labelledby="{2}-t {2}-d">'
            '<title id="{2}-t">{3}</title><desc id="{2}-d">{4}</desc>{5}</svg>'
        ).format(kind, self.height, name, title, description, Markup("").join(self.parts))


def sample(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """Return at most `most` of the points, evenly, the last one included."""
    if len(points) <= most:
        return list(points)
    last = len(points) - 1
    return [points[round(i * last / (most - 1))] for i in range(most)]


def _anchor(place: float) -> str:
    """Keep labels at the ends inside the drawing."""
    return "start" if place < 0.02 else "end" if place > 0.98 else "middle"


def _step(rough: float) -> float:
    """Return the round step (1, 2 or 5 times a power of ten) nearest above `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
