"""LoRA trains a few weights, leaves an ordinary model, and an adapter that other programs can load."""

import json

import numpy as np
import peft
import pytest
import torch
import transformers
from workbench import bench, same

import tiny
from feinschliff import bundle
from feinschliff.errors import ConfigError
from feinschliff.models.adapters import adapters
from feinschliff.models.layers import depths
from feinschliff.models.load import load_model
from feinschliff.pipeline import run

LORA = {"train.method": "lora", "train.lora_rank": 4}
ALL = [*tiny.SHAPES, *tiny.DECODERS]


def logits(model, tokenizer, texts):
    """Return what transformers computes for texts one by one, without any padding."""
    with torch.no_grad():
        return torch.cat([model(**tokenizer([text], return_tensors="pt")).logits for text in texts])


@pytest.mark.parametrize("name", ALL)
def test_only_layers_and_head_change_and_the_adapter_holds_the_change(encoder, tmp_path, name):
    work = bench(encoder(name), **LORA, **{"train.learning_rate": 1e-2, "train.epochs": 6})
    before, texts = work.weights, [text for text, _ in tiny.some(8)]
    fitted, steps = work.fit(look=None)
    after = work.weights
    assert before.keys() == after.keys()
    assert sum(s.loss for s in steps[-4:]) < sum(s.loss for s in steps[:4])
    network = work.model.learner.model
    assert all(p.requires_grad for p in network.parameters())
    embedding = next(n for n, p in network.named_parameters() if p is network.get_input_embeddings().weight)
    assert torch.equal(before[embedding], after[embedding])
    assert fitted.trainable_parameters < sum(p.numel() for p in network.parameters())
    fitted.adapter.save(tmp_path / "adapter", network, "its/base")
    base = load_model(
        encoder(name),
        "AutoModelForSequenceClassification",
        num_labels=2,
        pad_token_id=work.model.tokenizer.pad_token_id,
        dropout=0.0,
    )
    wrapped = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert wrapped.peft_config["default"].base_model_name_or_path == "its/base"
    tokenizer = work.model.tokenizer
    torch.testing.assert_close(
        logits(wrapped, tokenizer, texts), logits(network.eval(), tokenizer, texts), atol=1e-5, rtol=1e-4
    )


def test_the_first_step_is_that_of_the_untuned_model_and_the_seed_decides_the_rest(encoder):
    plain, _ = bench(encoder("bert")).fit()[1][0].loss, None
    (one, first), (again, second), (_, third) = (
        bench(encoder("bert"), **LORA, seed=seed).fit() for seed in (3, 3, 4)
    )
    assert first[0].loss == pytest.approx(plain, rel=1e-6)
    assert [s.loss for s in first] == [s.loss for s in second] != [s.loss for s in third]
    assert same(one.adapter.tensors, again.adapter.tensors)


def test_frozen_layers_get_no_adapter(encoder):
    work = bench(encoder("bert"), **LORA, **{"train.freeze_layers": 1})
    before = work.weights
    fitted, _ = work.fit()
    changed = {n for n, t in work.weights.items() if not torch.equal(t, before[n])}
    assert all("layer.1." in n or "pooler" in n or "classifier" in n for n in changed)
    assert all("layer.1." in name for name in fitted.adapter.tensors)


def test_a_failure_leaves_the_model_without_matrices(encoder):
    work = bench(encoder("bert"))
    names = list(work.weights)
    with pytest.raises(ZeroDivisionError), adapters(work.model.learner.model, 2):
        raise ZeroDivisionError
    assert list(work.weights) == names


def test_several_adapters_share_one_base(encoder, tmp_path):
    """Two tasks with as many labels each, on one base in memory."""
    texts = [text for text, _ in tiny.some(6)]
    networks = {}
    for seed in (1, 2):
        work = bench(encoder("bert"), **LORA, seed=seed)
        fitted, _ = work.fit()
        networks[str(seed)] = work.model.learner.model.eval()
        fitted.adapter.save(tmp_path / str(seed), networks[str(seed)], "base")
    base = load_model(encoder("bert"), "AutoModelForSequenceClassification", num_labels=2, dropout=0.0)
    shared = peft.PeftModel.from_pretrained(base, tmp_path / "1", adapter_name="1")
    shared.load_adapter(tmp_path / "2", adapter_name="2")
    for name, network in networks.items():
        shared.set_adapter(name)
        expected = logits(network, work.model.tokenizer, texts)
        torch.testing.assert_close(
            logits(shared.eval(), work.model.tokenizer, texts), expected, atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("name", tiny.DECODERS)
def test_a_decoder_learns_to_classify_and_loads_everywhere(encoder, toy_csv, tmp_path, name):
    output = tmp_path / "run"
    baselines = {"evaluate.baselines": ("majority", "frozen"), "train.learning_rate": 1e-2, "train.epochs": 6}
    result = run(tiny.config(encoder(name), toy_csv, output, **LORA, **baselines))
    curve = [point["loss"] for point in result["training"]["curve"]]
    assert min(curve[-6:]) < 0.6 < max(curve[:6])
    model = bundle.load(output)
    texts = [text for text, _ in tiny.some(20)] + [
        "fine",
        "A sentence that is a good deal longer than the rest.",
    ]
    found = model.predict(texts)
    pipe = transformers.pipeline("text-classification", model=str(output / "model"), top_k=None)
    for batch_size in (1, 8):
        said = [{e["label"]: e["score"] for e in row} for row in pipe(texts, batch_size=batch_size)]
        for mine, theirs in zip(found, said, strict=True):
            assert mine.label == max(theirs, key=theirs.get)
            assert mine.probabilities == pytest.approx(theirs, abs=1e-5)
    assert (output / "adapter" / "adapter_config.json").is_file()
    assert not list((output / "model").glob("*adapter*"))


@pytest.mark.parametrize("task", ["ner", "multilabel", "regression"])
def test_every_task(encoder, tmp_path, task):
    rows = {
        "ner": [
            {"text": f"Ann met {n} here.", "spans": [{"start": 8, "end": 8 + len(n), "label": "P"}]}
            for n in map(str, range(100, 160))
        ],
        "multilabel": [
            {"text": f"{a} {b} {i}", "label": [x for x in (a, b) if x != "none"]}
            for i in range(15)
            for a, b in (("red", "big"), ("red", "none"), ("none", "big"), ("none", "none"))
        ],
        "regression": [
            {"text": f"{'very ' * (i % 5)}good {i}", "label": (i % 5) + 0.5 * (i % 2)} for i in range(60)
        ],
    }[task]
    file = tmp_path / "data.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = tmp_path / "run"
    run(tiny.config(encoder("bert"), file, output, **LORA, task=task))
    model = bundle.load(output)
    rows = [json.loads(line) for line in (output / "predictions" / "test.jsonl").read_text().splitlines()]
    again = model.predict([row["text"] for row in rows])
    if task == "regression":
        np.testing.assert_allclose([p.label for p in again], [row["prediction"] for row in rows], rtol=1e-4)
    elif task == "multilabel":
        assert [p.label for p in again] == [row["prediction"] for row in rows]
    else:
        assert [len(p.spans) for p in again] == [len(row["prediction"]) for row in rows]


def test_several_seeds_are_merged_into_one_model(encoder, toy_csv, tmp_path):
    heard = []
    chosen = tiny.config(encoder("bert"), toy_csv, tmp_path / "run", **LORA, **{"train.seeds": 2})
    result = run(chosen, listen=heard.append)
    assert len(result["seeds"]["trials"]) == 2
    assert "none is kept by itself" in str(heard)
    assert not (tmp_path / "run" / "adapter").exists()
    assert set(bundle.load(tmp_path / "run").spec.labels) == {"good", "bad"}


def test_no_layer_left_is_said(encoder):
    with pytest.raises(
        ConfigError, match=r"train\.freeze_layers: no layer is left that lora could train.*At most 1"
    ):
        bench(encoder("bert"), **LORA, **{"train.freeze_layers": 2}).fit()


@pytest.mark.parametrize("kind", ["T5", "Bart"])
def test_encoders_with_decoders_are_adapted_from_below(kind):
    sizes = {"vocab_size": 50, "d_model": 16, "num_labels": 2}
    t5 = {"d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 4}
    bart = {
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
    }
    more = t5 if kind == "T5" else bart | {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    config = getattr(transformers, f"{kind}Config")(**sizes, **more)
    model = getattr(transformers, f"{kind}ForSequenceClassification")(config)
    with adapters(model, 2, from_layer=1) as found:
        pass
    places = {name.split(".lora")[0] for name in found[0].tensors}
    assert any(".encoder." in name for name in places)
    assert any(".decoder." in name for name in places)
    assert not any(f".encoder.{'block' if kind == 'T5' else 'layers'}.0." in name for name in places)
    depth = depths(model)
    assert max(d for n, d in depth.items() if ".encoder." in n and ".1." in n) == 2
    assert {d for n, d in depth.items() if ".decoder." in n and (".block." in n or ".layers." in n)} == {3, 4}
