"""One file per format: a source in, a `Table` with the place of every row out."""

from feinschliff.readers._table import Table

__all__ = ["Table"]
