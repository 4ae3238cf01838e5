"""What is wrong with a file, collected and reported once."""

from __future__ import annotations

from feinschliff.errors import DataError

NUM_SHOWN = 5


class Problems:
    """Faults of single rows or lines; all are counted, the first few are shown.

    Args:
        name: What messages call the source.
        unit: What a number names: `line`, or `row` for formats without lines.
    """

    def __init__(self, name: str, unit: str = "line"):
        self.name, self.unit = name, unit
        self.count = 0
        self.shown: list[tuple[int, str]] = []

    def add(self, number: int, fact: str) -> None:
        """Note one fault."""
        self.count += 1
        if len(self.shown) < NUM_SHOWN:
            self.shown.append((number, fact if len(fact) <= 200 else f"{fact[:200]}..."))

    def error(self, allowed: str | None = None, hint: str | None = None) -> DataError:
        """Return the error that reports them all."""
        assert self.count
        number, fact = self.shown[0]
        if self.count == 1:
            where = f"{self.name}:{number}" if self.unit == "line" else f"{self.name}, {self.unit} {number}"
            return DataError(fact, where=where, allowed=allowed, hint=hint)
        listed = "; ".join(f"{self.unit} {number}: {fact}" for number, fact in self.shown)
        more = "; ..." if self.count > NUM_SHOWN else ""
        return DataError(
            f"{self.count:,} faults: {listed}{more}", where=self.name, allowed=allowed, hint=hint
        )

    def raise_if_any(self, allowed: str | None = None, hint: str | None = None) -> None:
        """Raise the error when there are any.

        Raises:
            DataError: there is a fault.
        """
        if self.count:
            raise self.error(allowed, hint)
