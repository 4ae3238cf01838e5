"""A corpus from a stand-in of the Hub, in a process of its own: the Hub's library reads its address once."""

import gzip
import json
import os
import subprocess
import sys

import tiny
from hub_server import serve


def adapt(endpoint, folder, config, *more):
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "cache")}
    environment |= {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "feinschliff", "adapt", "--config", config, *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_corpus_of_the_hub(encoder, tmp_path):
    from feinschliff.config import dump_config

    half = len(tiny.documents()) // 2
    parts = [tiny.documents()[:half], tiny.documents()[half:]]
    lines = ["\n".join(json.dumps({"id": i, "contract": text}) for i, text in enumerate(p)) for p in parts]
    files = {f"data/train-{i}.jsonl.gz": gzip.compress(text.encode()) for i, text in enumerate(lines)}
    repos = {"ada/law": {**files, "data/test-0.jsonl.gz": gzip.compress(b'{"id": 1, "contract": "no"}')}}
    values = {"adapt.objective": "contrastive", "train.epochs": 0.2}
    path = tmp_path / "run.yaml"
    path.write_text(dump_config(tiny.adaptation(encoder("bert"), "hf://ada/law:train", "-", **values)))
    with serve(repos, {}) as endpoint:
        done = adapt(endpoint, tmp_path, path, "--text", "contract", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["data"]["rows"] == len(tiny.documents())
    assert result["config"]["adapt"]["corpus"] == ["hf://ada/law:train"]
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()
