"""Which words speak for an answer, and whether what is said about them holds."""

from feinschliff.explain.attribute import Explanation, explain

__all__ = ["Explanation", "explain"]
