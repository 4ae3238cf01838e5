"""A tuned model on disk and in use.

The folder is an ordinary Hugging Face model folder plus `feinschliff.json`, which holds what transformers has
no place for: the task, how texts are read, decision rules, the fingerprint of the data.
"""

from feinschliff.bundle.folder import find, load, save, write_profile
from feinschliff.bundle.model import Model, OnnxModel
from feinschliff.bundle.prediction import Prediction, each
from feinschliff.bundle.spec import NOVELTY_FILE, PROFILE_FILE, SCHEMA, SPEC_FILE, Spec, read_spec

__all__ = [
    "NOVELTY_FILE",
    "PROFILE_FILE",
    "SCHEMA",
    "SPEC_FILE",
    "Model",
    "OnnxModel",
    "Prediction",
    "Spec",
    "each",
    "find",
    "load",
    "read_spec",
    "save",
    "write_profile",
]
