"""What a run measured, for people and machines: `result.json`, the report page, and the model card."""

from feinschliff.report.card import card
from feinschliff.report.html import html
from feinschliff.report.result import check, read, write, write_text
from feinschliff.report.schema import FINE_TUNED, SCHEMA, Result

__all__ = ["FINE_TUNED", "SCHEMA", "Result", "card", "check", "html", "read", "write", "write_text"]
