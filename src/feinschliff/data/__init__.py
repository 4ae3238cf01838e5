"""The gate before any training: understand, audit, split and fingerprint the data."""

from feinschliff.data._targets import separator_for
from feinschliff.data.dataset import Columns, Dataset, Finding, Kind, Records, kind_of
from feinschliff.data.infer import infer
from feinschliff.data.known import unknown_labels
from feinschliff.data.prepare import examine, prepare, records_for

__all__ = [
    "Columns",
    "Dataset",
    "Finding",
    "Kind",
    "Records",
    "examine",
    "infer",
    "kind_of",
    "prepare",
    "records_for",
    "separator_for",
    "unknown_labels",
]
