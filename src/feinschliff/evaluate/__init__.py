"""Metrics, intervals, comparisons and what lies behind them: pure functions on arrays.

The way through: `Predictions` of a system and the targets become `Statistics` (one row per example); those
become metrics, bootstrap intervals and paired comparisons.
"""

from feinschliff.evaluate.bootstrap import Comparison, compare, holm, intervals, metrics, standard_error
from feinschliff.evaluate.calibrate import Calibration, calibration
from feinschliff.evaluate.confident import LabelIssues, label_issues
from feinschliff.evaluate.decide import decide
from feinschliff.evaluate.goals import Goal, goal
from feinschliff.evaluate.interval import Interval
from feinschliff.evaluate.predictions import Predictions, pooled
from feinschliff.evaluate.repeats import Repeated, repeated
from feinschliff.evaluate.requirements import Requirement, not_reached, requirement, requirements
from feinschliff.evaluate.rules import fit_rules
from feinschliff.evaluate.scaling import Scaling, fit_scaling, fit_temperature
from feinschliff.evaluate.selective import (
    answer_threshold,
    area_under_risk,
    conformal_threshold,
    coverage_curve,
    possible_labels,
)
from feinschliff.evaluate.slicing import Slice, slices
from feinschliff.evaluate.statistics import LOWER_IS_BETTER, METRICS, PRIMARY, Statistics, statistics
from feinschliff.evaluate.tables import LabelScores, confusion, mistakes, per_class

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "PRIMARY",
    "Calibration",
    "Comparison",
    "Goal",
    "Interval",
    "LabelIssues",
    "LabelScores",
    "Predictions",
    "Repeated",
    "Requirement",
    "Scaling",
    "Slice",
    "Statistics",
    "answer_threshold",
    "area_under_risk",
    "calibration",
    "compare",
    "conformal_threshold",
    "confusion",
    "coverage_curve",
    "decide",
    "fit_rules",
    "fit_scaling",
    "fit_temperature",
    "goal",
    "holm",
    "intervals",
    "label_issues",
    "metrics",
    "mistakes",
    "not_reached",
    "per_class",
    "pooled",
    "possible_labels",
    "repeated",
    "requirement",
    "requirements",
    "slices",
    "standard_error",
    "statistics",
]
