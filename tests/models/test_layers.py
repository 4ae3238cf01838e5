"""Layers, depths and heads are found in every architecture."""

import pytest

import tiny
from feinschliff.models.layers import depths, head_names, layers, output_layer
from feinschliff.models.load import load_model


@pytest.fixture(params=tiny.SHAPES)
def model(request, encoder):
    return load_model(encoder(request.param), "AutoModelForSequenceClassification", num_labels=3)


def test_every_parameter_has_its_depth(model):
    depth, top = depths(model), len(layers(model))
    kind = model.config.model_type
    assert top == {"albert": 1, "modernbert": 3}.get(kind, 2)
    assert depth.keys() == {name for name, _ in model.named_parameters()}
    assert set(depth.values()) == set(range(top + 2))
    for name, value in depth.items():
        if "word_embeddings" in name or "tok_embeddings" in name or "rel_embeddings" in name:
            assert value == 0, name
        if name.startswith(("classifier", "pre_classifier", "pooler", "head")):
            assert value == top + 1, name
    stack = {id(p): i for i, layer in enumerate(layers(model), 1) for p in layer.parameters()}
    assert all(stack.get(id(p), depth[n]) == depth[n] for n, p in model.named_parameters())


def test_the_head_is_what_a_base_model_lacks(model, encoder):
    heads = head_names(model)
    prefix = model.base_model_prefix + "."
    assert heads
    assert all(not name.startswith(prefix) or ".pooler." in name for name in heads)
    output = output_layer(model, 3)
    assert output.out_features == 3
    assert any(p is output.weight for n, p in model.named_parameters() if n in heads)
