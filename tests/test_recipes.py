"""Every recipe is a valid configuration that says where its data comes from and what to expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from feinschliff import registry
from feinschliff.config import RunConfig, load_config
from feinschliff.models.catalogue import CATALOGUE

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
ADAPTATIONS = sorted((Path(__file__).parents[1] / "recipes" / "adapt").glob("*.yaml"))


def test_the_five_cases_and_the_german_ones_are_there():
    names = {path.stem for path in RECIPES}
    assert {"sentiment", "entities", "legal_clauses", "spam", "products"} <= names
    assert {"legal_entities_de", "unfair_terms_de"} <= names


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_recipe(path):
    config = load_config(path)
    text = path.read_text(encoding="utf-8")
    assert config.task in registry.names("tasks")
    assert config.data.train.startswith("data/")
    assert config.model.source in {entry.name for entry in CATALOGUE}
    assert "https://" in text or "http://" in text
    assert "CC BY 4.0" in text
    assert f"recipes/{path.name}" in text
    assert config != RunConfig()
    assert ("# Zu erwarten:" if path.stem.endswith("_de") else "# Expect:") in text
    assert (config.report.language == "de") == path.stem.endswith("_de")


@pytest.mark.parametrize("path", ADAPTATIONS, ids=lambda p: p.stem)
def test_adaptation_recipe(path):
    config = load_config(path)
    text = path.read_text(encoding="utf-8")
    assert all(source.startswith("data/") for source in (*config.adapt.corpus, *config.adapt.probe))
    assert config.model.source in {entry.name for entry in CATALOGUE}
    assert f"recipes/adapt/{path.name}" in text
    assert "https://" in text
    assert (config.report.language == "de") == path.stem.endswith("_de")
