"""Tune the weights: a loop that yields facts, and the consumers that keep, save and stop."""
