"""A model loads whole and safely, or one message says why not."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from feinschliff.errors import ConfigError, MissingExtraError, ModelError, UnknownModelError
from feinschliff.models import load
from feinschliff.models.locate import PACKAGED, Packaged, commit, locate

CLASSIFIER = "AutoModelForSequenceClassification"


@pytest.fixture
def bert(encoder, tmp_path) -> Path:
    """Give a copy of the tiny BERT that a test may change."""
    return Path(shutil.copytree(encoder("bert"), tmp_path / "bert"))


def change(path: Path, **values) -> None:
    tree = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in {**tree, **values}.items() if v is not None}))


def test_a_folder_is_found_and_loads(bert):
    assert locate(str(bert)) == bert
    assert commit(bert) is None
    model = load.load_model(bert, CLASSIFIER, num_labels=3, seed=1)
    again = load.load_model(bert, CLASSIFIER, num_labels=3, seed=1)
    other = load.load_model(bert, CLASSIFIER, num_labels=3, seed=2)
    assert model.classifier.weight.dtype == torch.float32
    assert torch.equal(model.classifier.weight, again.classifier.weight)
    assert not torch.equal(model.classifier.weight, other.classifier.weight)
    random = load.load_model(bert, CLASSIFIER, pretrained=False, seed=1)
    name = "bert.encoder.layer.0.output.dense.weight"
    assert torch.equal(model.state_dict()[name], load_file(bert / "model.safetensors")[name[5:]])
    assert not torch.equal(model.state_dict()[name], random.state_dict()[name])


def test_a_head_of_another_size_is_made_anew(bert, tmp_path):
    load.load_model(bert, CLASSIFIER, num_labels=5).save_pretrained(tmp_path / "five")
    model = load.load_model(tmp_path / "five", CLASSIFIER, num_labels=2)
    assert model.classifier.out_features == 2
    with pytest.raises(ModelError, match=r"lacks 2 weights, such as classifier"):
        load.load_model(tmp_path / "five", CLASSIFIER, num_labels=2, complete=True)


def test_an_output_layer_is_kept_for_its_own_labels_only(bert, tmp_path):
    def of(folder, *labels, seed=1):
        return load.load_model(folder, CLASSIFIER, seed=seed, num_labels=2, id2label=dict(enumerate(labels)))

    model = of(bert, "bad", "good")
    model.save_pretrained(tmp_path / "tuned")
    assert torch.equal(of(tmp_path / "tuned", "bad", "good").classifier.weight, model.classifier.weight)
    other = of(tmp_path / "tuned", "ham", "spam", seed=2)
    assert not torch.equal(other.classifier.weight, model.classifier.weight)
    assert torch.equal(other.bert.pooler.dense.weight, model.bert.pooler.dense.weight)
    assert torch.equal(
        of(tmp_path / "tuned", "ham", "spam", seed=2).classifier.weight, other.classifier.weight
    )


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda f: (f / "config.json").unlink(), ModelError, "config.json is missing"),
        (lambda f: (f / "model.safetensors").unlink(), ModelError, "no weights in the safetensors format"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            ModelError,
            "can run code when loaded and are refused",
        ),
    ],
)
def test_incomplete_folders_are_refused(bert, make, kind, words):
    make(bert)
    with pytest.raises(kind, match=words):
        locate(str(bert))


def test_sources_that_are_nothing(tmp_path):
    file = tmp_path / "model.bin"
    file.touch()
    for source, words in (
        (str(file), "is a file"),
        ("./nowhere", "no such model folder"),
        ("a/b/c", "no such model folder"),
        (" ", "no model is named"),
        (str(tmp_path / "nowhere"), "no such model folder"),
    ):
        with pytest.raises(UnknownModelError, match=words) as caught:
            locate(source)
        assert caught.value.exit_code == 2


def test_pickled_weights_are_not_read(bert):
    (bert / "model.safetensors").unlink()
    torch.save({}, bert / "pytorch_model.bin")
    save_file({"a": torch.zeros(1)}, bert / "adapter.safetensors")
    assert locate(str(bert)) == bert
    with pytest.raises(ModelError, match="cannot be loaded"):
        load.load_model(bert, CLASSIFIER)


def test_missing_weights_are_not_made_up(bert):
    weights = load_file(bert / "model.safetensors")
    weights = {k: v for k, v in weights.items() if "layer.1." not in k}
    save_file(weights, bert / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 16 weights, such as bert\.encoder\.layer\.1"):
        load.load_model(bert, CLASSIFIER)


def test_weights_of_another_size_are_not_replaced(bert):
    change(bert / "config.json", intermediate_size=64)
    with pytest.raises(ModelError, match="lacks 6 weights"):
        load.load_model(bert, CLASSIFIER)


def test_damaged_weights(bert):
    file = bert / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load.load_model(bert, CLASSIFIER)


CODE = "from pathlib import Path\nPath({!r}).touch()\nclass Thing: pass\n"


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_that_comes_with_a_model_is_never_run(bert, file):
    trace = bert / "was_run"
    (bert / "code.py").write_text(CODE.format(str(trace)))
    if file == "config.json":
        change(
            bert / file,
            model_type="strange",
            auto_map={"AutoConfig": "code.Thing", "AutoModel": "code.Thing"},
        )
        with pytest.raises(
            ModelError, match=r"architecture 'strange'.*Code that comes with a model is never run"
        ):
            load.load_config(bert)
        with pytest.raises(ModelError, match="architecture 'strange'"):
            load.load_model(bert, CLASSIFIER)
    else:
        (bert / "tokenizer.json").unlink()
        change(bert / file, tokenizer_class="Thing", auto_map={"AutoTokenizer": ["code.Thing", None]})
        with pytest.raises(ModelError, match="tokenizer"):
            load.load_tokenizer(bert)
    assert not trace.exists()


def test_a_known_architecture_ignores_the_code_beside_it(bert):
    trace = bert / "was_run"
    (bert / "code.py").write_text(CODE.format(str(trace)))
    change(bert / "config.json", auto_map={"AutoModelForSequenceClassification": "code.Thing"})
    assert type(load.load_model(bert, CLASSIFIER)).__name__ == "BertForSequenceClassification"
    assert not trace.exists()


def test_unknown_architecture_and_no_such_head(bert):
    change(bert / "config.json", model_type="strange")
    with pytest.raises(ModelError, match="its architecture 'strange' cannot be loaded"):
        load.load_config(bert)
    change(bert / "config.json", model_type="vit")
    with pytest.raises(ModelError, match="cannot be loaded as AutoModelForSequenceClassification"):
        load.load_model(bert, CLASSIFIER)
    (bert / "config.json").write_text("{broken")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load.load_config(bert)


def test_tokenizers_that_will_not_do(bert):
    (bert / "tokenizer.json").write_text("{broken")
    with pytest.raises(ModelError, match="tokenizer cannot be loaded"):
        load.load_tokenizer(bert)
    (bert / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        load.load_tokenizer(bert)


def test_slow_tokenizers_are_refused(bert):
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (bert / file).unlink()
    change(bert / "config.json", model_type="canine")
    with pytest.raises(ModelError, match="no fast tokenizer"):
        load.load_tokenizer(bert)


def test_tokenizers_read_from_the_left_to_the_right(bert):
    change(bert / "tokenizer_config.json", truncation_side="left", padding_side="left")
    tokenizer = load.load_tokenizer(bert)
    assert (tokenizer.truncation_side, tokenizer.padding_side) == ("right", "right")


def test_a_tokenizer_without_padding_uses_its_end(encoder, tmp_path):
    folder = Path(shutil.copytree(encoder("roberta"), tmp_path / "roberta"))
    change(folder / "tokenizer_config.json", pad_token=None)
    tokenizer = load.load_tokenizer(folder)
    assert tokenizer.pad_token == "</s>"


def test_a_new_head_begins_with_a_bias_of_zero(encoder):
    from feinschliff.models.layers import output_layer

    for name in tiny.SHAPES:
        for auto_class in ("AutoModelForSequenceClassification", "AutoModelForTokenClassification"):
            labels = {"num_labels": 3, "id2label": dict(enumerate("abc"))}
            output = output_layer(load.load_model(encoder(name), auto_class, **labels), 3)
            assert output.bias is None or not output.bias.any(), name


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_segment_ids_only_for_models_that_have_them(encoder, name):
    tokenizer = load.load_tokenizer(encoder(name))
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    load.match_inputs(tokenizer, load.load_model(encoder(name), CLASSIFIER))
    assert ("token_type_ids" in tokenizer.model_input_names) == (name in ("bert", "electra", "albert"))


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_the_longest_window_can_be_read(encoder, name):
    config, tokenizer = load.load_config(encoder(name)), load.load_tokenizer(encoder(name))
    tokenizer.model_max_length = 10**30
    length = load.max_length(config, tokenizer, None)
    assert length == 64
    model = load.load_model(encoder(name), CLASSIFIER).eval()
    model(input_ids=torch.full((1, length), 7), attention_mask=torch.ones(1, length, dtype=torch.long))
    assert load.max_length(config, tokenizer, 20) == 20
    with pytest.raises(ConfigError, match="65 is more than the model's 64 positions"):
        load.max_length(config, tokenizer, 65)


def test_every_dropout_is_set_but_that_of_attention(encoder):
    for name in tiny.SHAPES:
        config = load.load_config(encoder(name))
        load.set_dropout(config, 0.25)
        values = {k: v for k, v in vars(config).items() if "dropout" in k}
        assert values
        for key, value in values.items():
            assert value == (0.0 if "attention" in key else 0.25), values
    model = load.load_model(encoder("bert"), CLASSIFIER, dropout=0.25)
    found = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert {p for name, p in found.items() if "attention.self" in name} == {0.0}
    assert {p for name, p in found.items() if "attention.self" not in name} == {0.25}


def test_the_packaged_model_is_checked(monkeypatch):
    packaged = PACKAGED["minilm"]
    folder = locate("minilm")
    assert (folder / "config.json").is_file()
    monkeypatch.setitem(PACKAGED, "minilm", Packaged(packaged.module, "model", "0" * 64, "quickstart"))
    with pytest.raises(ModelError, match=r"expected 0000.*they were not loaded"):
        locate("minilm")
    monkeypatch.setitem(PACKAGED, "minilm", Packaged("no_such_module", "model", "", "quickstart"))
    with pytest.raises(MissingExtraError, match=r"pip install 'feinschliff\[quickstart\]'"):
        locate("minilm")


def test_a_padding_token_that_the_model_does_not_know_is_refused(encoder):
    with pytest.raises(ModelError, match=r"pads with token 5000, and the model knows \d+ tokens"):
        load.load_model(encoder("bert"), CLASSIFIER, pad_token_id=5000)


def test_models_of_images_and_text_are_refused(tmp_path):
    import transformers

    transformers.Gemma3Config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="'gemma3' reads more than text, and only models of text are tuned"):
        load.load_config(tmp_path)
