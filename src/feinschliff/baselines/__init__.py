"""Simpler systems trained on the same data, for comparison: one file each.

Each part has `TITLE` (for people; `TITLES` where tasks differ), `KINDS` (those it can do) and
`fit(dataset, config, embed) -> Fitted`. It learns from train, chooses its settings on dev, and never sees
test.
"""
