"""Every setting, once.

YAML files, `--set` overrides, the generated pages `docs/config.md` and `feinschliff config`, and the copy
saved with each run all derive from the models in `sections.py`.
"""

from feinschliff.config.load import load_config, put, validate
from feinschliff.config.pages import Setting, dump_config, settings
from feinschliff.config.sections import (
    AdaptConfig,
    DataConfig,
    DecideConfig,
    EvaluateConfig,
    ModelConfig,
    ReportConfig,
    RunConfig,
    Section,
    TrainConfig,
)

__all__ = [
    "AdaptConfig",
    "DataConfig",
    "DecideConfig",
    "EvaluateConfig",
    "ModelConfig",
    "ReportConfig",
    "RunConfig",
    "Section",
    "Setting",
    "TrainConfig",
    "dump_config",
    "load_config",
    "put",
    "settings",
    "validate",
]
