"""Classify texts with an exported model: onnxruntime, tokenizers and numpy are enough, torch is not needed.

python run_onnx.py runs/reviews-1/onnx "Arrived broken." "Lovely."
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder, texts = Path(sys.argv[1]), sys.argv[2:]
spec, facts = (json.loads((folder / f).read_text("utf-8")) for f in ("feinschliff.json", "export.json"))
options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.x64quantprecision", "1")  # int8 without VNNI; slower with it
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
limit, overlap = spec["reading"]["max_length_tokens"], spec["reading"]["window_overlap_tokens"]
tokenizer.enable_truncation(
    limit, stride=min(overlap, (limit - tokenizer.num_special_tokens_to_add(False)) // 2)
)

for text in texts:
    first = tokenizer.encode(text)
    logits = []
    for window in [first, *first.overflowing]:
        known = {
            "input_ids": window.ids,
            "attention_mask": [1] * len(window.ids),
            "token_type_ids": window.type_ids,
        }
        inputs = {name: np.array([known[name]], np.int64) for name in facts["inputs"]}
        logits.append(session.run(None, inputs)[0][0])
    mean = np.mean(logits, axis=0)  # a long text is read in windows, whose logits are averaged
    scores = np.exp(mean - mean.max()) / np.exp(mean - mean.max()).sum()  # calibrated as they are
    sure = scores >= np.array(spec["decision"].get("least", [0.0] * len(scores)))
    best = int(np.where(sure, scores, -1).argmax())
    label = spec["labels"][best] if sure.any() else None
    print(json.dumps({"text": text, "label": label, "score": float(scores[best])}))
