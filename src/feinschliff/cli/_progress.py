"""Show a run while it goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from feinschliff.cli._output import console

if TYPE_CHECKING:
    from feinschliff.train.events import Event, Step

PLAIN_LINES = 10
"""Lines about steps in a whole training when there is no terminal."""


class Display:
    """A listener for a run's events, and the context in which they are shown.

    Args:
        quiet: Show warnings only.
    """

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.screen = console(stderr=True)
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        from feinschliff.train.events import Notice, Stage

        if isinstance(event, Notice):
            if event.level == "warning":
                self.screen.print(f"Warning: {event.text}", style="yellow", soft_wrap=True)
            elif not self.quiet:
                self.screen.print(f"  {event.text}", soft_wrap=True)
        elif self.quiet:
            return
        elif isinstance(event, Stage):
            self._end_bar()
            self.screen.print(f"{event.name.capitalize():<10}{event.detail}".rstrip(), style="bold")
        else:
            self._step(event)

    def _step(self, step: Step) -> None:
        if step.dev:
            name = next(iter(step.dev))
            scores = f"{name} {step.dev[name]:.4f}, loss {step.dev['loss']:.4f}"
            mark = ", kept" if step.best else ""
            self.screen.print(f"  epoch {step.epoch:.2f}: on dev {scores}{mark}")
        if self.screen.is_terminal:
            self._advance(step)
        elif step.step % max(1, step.num_steps // PLAIN_LINES) == 0:
            left = step.seconds / step.step * (step.num_steps - step.step)
            self.screen.print(
                f"  step {step.step}/{step.num_steps}, loss {step.loss:.4f}, "
                f"{step.tokens_per_second:,.0f} tokens/s, {duration(left)} left"
            )

    def _advance(self, step: Step) -> None:
        if self.bar is None:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("  step {task.completed:.0f}/{task.total:.0f}"),
                BarColumn(),
                TextColumn("loss {task.fields[loss]:.4f}, {task.fields[speed]:,.0f} tokens/s,"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=self.screen,
                transient=True,
                refresh_per_second=4,
            )
            self.task = self.bar.add_task("", total=step.num_steps, loss=step.loss, speed=0.0)
            self.bar.start()
        self.bar.update(self.task, completed=step.step, loss=step.loss, speed=step.tokens_per_second)

    def _end_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def duration(seconds: float) -> str:
    """Write a span of time for people.

    >>> duration(75)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
