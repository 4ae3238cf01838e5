"""Classify texts with an exported model: onnxruntime, tokenizers and numpy are enough, torch is not needed.

    python run_onnx.py runs/reviews-1/onnx "Arrived broken." "Lovely."

It decides by the rules in `feinschliff.json`. Models of one label per text or several are read, not those of
entities, numbers or pairs of texts.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: nobody is told that it runs
import onnxruntime
from tokenizers import Tokenizer

folder, texts = Path(sys.argv[1]), sys.argv[2:]
spec, facts = (json.loads((folder / f).read_text("utf-8")) for f in ("feinschliff.json", "export.json"))
task, labels, rules, reading = (spec[name] for name in ("task", "labels", "decision", "reading"))
if task not in ("classification", "multilabel") or reading["pairs"]:
    what = "pairs of texts" if reading["pairs"] else task
    sys.exit(f"{folder}: this example reads classification and multilabel of single texts, not {what}")


def decide(scores):
    """Return the label, None where the model is not sure enough; for multilabel the list of labels."""
    if task == "multilabel":
        given = scores >= np.broadcast_to(rules.get("thresholds", 0.5), len(labels))
        return [label for label, is_given in zip(labels, given, strict=True) if is_given]
    value, unsure_cost = scores * np.array(rules.get("weights", 1.0)), rules.get("unsure_cost")
    if "costs" in rules:  # costs[i][j]: of answering j where i is true; the least expected cost is best
        value = -(value @ np.array(rules["costs"]))
    best = int(value.argmax())
    sure = scores[best] >= np.broadcast_to(rules.get("least", 0.0), len(labels))[best]
    return labels[best] if sure and (unsure_cost is None or value[best] >= -unsure_cost) else None


options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.x64quantprecision", "1")  # int8 without VNNI; slower with it
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
limit, overlap = reading["max_length_tokens"], reading["window_overlap_tokens"]
tokenizer.enable_truncation(
    limit, stride=min(overlap, (limit - tokenizer.num_special_tokens_to_add(False)) // 2)
)

for text in texts:
    first = tokenizer.encode(text)
    logits = []
    for window in [first, *(first.overflowing if reading["long_text"] == "windows" else [])]:
        columns = {
            "input_ids": window.ids,
            "attention_mask": [1] * len(window.ids),
            "token_type_ids": window.type_ids,
        }
        inputs = {name: np.array([columns[name]], np.int64) for name in facts["inputs"]}
        logits.append(session.run(None, inputs)[0][0])
    mean = np.mean(logits, axis=0)  # a long text is read in windows, whose logits are averaged
    if task == "multilabel":
        scores = 1 / (1 + np.exp(-mean))  # the weights are calibrated
    else:
        scores = np.exp(mean - mean.max()) / np.exp(mean - mean.max()).sum()
    known = {label: round(float(score), 6) for label, score in zip(labels, scores, strict=True)}
    print(json.dumps({"text": text, "label": decide(scores), "scores": known}, ensure_ascii=False))
