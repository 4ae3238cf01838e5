"""The gate before any training: understand, audit, split and fingerprint the data."""

from feinschliff.data.dataset import Columns, Dataset, Finding, Records

__all__ = ["Columns", "Dataset", "Finding", "Records"]
