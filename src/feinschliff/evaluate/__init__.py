"""Metrics, intervals, comparisons and what lies behind them: pure functions on arrays.

The way through: `Predictions` of a system and the targets become `Statistics` (one row per example); those
become metrics, bootstrap intervals and paired comparisons.
"""

from feinschliff.evaluate.bootstrap import Comparison, Interval, compare, holm, intervals, metrics
from feinschliff.evaluate.predictions import Predictions
from feinschliff.evaluate.requirements import Requirement, requirement
from feinschliff.evaluate.statistics import LOWER_IS_BETTER, METRICS, PRIMARY, Statistics, statistics
from feinschliff.evaluate.tables import LabelScores, confusion, mistakes, per_class

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "PRIMARY",
    "Comparison",
    "Interval",
    "LabelScores",
    "Predictions",
    "Requirement",
    "Statistics",
    "compare",
    "confusion",
    "holm",
    "intervals",
    "metrics",
    "mistakes",
    "per_class",
    "requirement",
    "statistics",
]
