"""Models that cannot read texts in batches are refused before anything is trained."""

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import tiny
from feinschliff.encode import tokenise
from feinschliff.errors import ModelError
from feinschliff.models.embed import embed
from feinschliff.models.load import load_model
from feinschliff.models.precision import autocast
from feinschliff.pipeline import tune

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16, "max_position_embeddings": 64}
XLNET = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16}


def save(folder, config_class: str, **values):
    """Save a tiny model of another architecture."""
    tokenizer = tiny.tokenizer_of("wordpiece", 64)
    config = getattr(transformers, config_class)(vocab_size=len(tokenizer), pad_token_id=0, **values)
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("config_class", "values"), [("FNetConfig", SIZES), ("XLNetConfig", XLNET)])
def test_padding_that_is_read_as_text(tmp_path, config_class, values):
    folder = save(tmp_path / "model", config_class, **values)
    with pytest.raises(ModelError, match="reads padding as if it were text"):
        tune(tiny.config(folder, "none"), tiny.dataset(tiny.some(30)))


def test_an_architecture_that_cannot_read_texts_of_any_length(tmp_path):
    sizes = {**SIZES, "num_attention_heads": 2, "segment_means_seq_len": 64, "num_landmarks": 8}
    folder = save(tmp_path / "model", "NystromformerConfig", **sizes)
    with pytest.raises(ModelError, match=r"'nystromformer' cannot read a batch of texts \(shape"):
        tune(tiny.config(folder, "none"), tiny.dataset(tiny.some(30)))


def test_weights_that_are_not_numbers(tmp_path):
    folder = tiny.make(tmp_path / "model", "bert")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="its weights are damaged"):
        tune(tiny.config(folder, "none"), tiny.dataset(tiny.some(30)))


def test_a_model_with_a_decoder_is_read_by_its_encoder(tmp_path):
    sizes = {
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 16,
        "num_layers": 1,
        "num_heads": 2,
        "decoder_start_token_id": 0,
    }
    folder = save(tmp_path / "model", "T5Config", **sizes)
    model = load_model(folder, "AutoModelForSequenceClassification")
    encoded = tokenise(tiny.tokenizer_of("wordpiece", 64), ["a soup", "the soup"], max_length_tokens=16)
    device = torch.device("cpu")
    assert embed(model.base_model, encoded, device, 0, autocast(device, "float32")).shape == (2, 16)


def test_a_number_format_that_the_model_cannot_compute_in(tmp_path, monkeypatch):
    heads = {"num_attention_heads": 2, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
    folder = save(tmp_path / "model", "DebertaConfig", **SIZES, **heads)
    data = tiny.dataset(tiny.some(30))
    with pytest.raises(ModelError, match=r"'deberta' cannot compute in bfloat16 .*train\.precision=float32"):
        tune(tiny.config(folder, "none", **{"train.precision": "bfloat16"}), data)
    monkeypatch.setattr("feinschliff.models.precision.resolve_precision", lambda *_: "bfloat16")
    assert (
        tune(tiny.config(folder, "none", **{"train.precision": "auto"}), data).learner.precision == "float32"
    )
