"""Hub models: a download that works, and one message for each way it can fail."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import model_hub
import tiny
from feinschliff.models.locate import commit
from feinschliff.pipeline import tune

LOCATE = """
import json, sys
from feinschliff.errors import FeinschliffError
from feinschliff.models.locate import locate
for name in json.loads(sys.argv[1]):
    source, _, revision = name.partition("@")
    try:
        print(json.dumps([str(locate(source, revision or None)), 0]))
    except FeinschliffError as error:
        print(json.dumps([str(error), error.exit_code]))
"""


def locate(endpoint: str, home, *names: str) -> list[tuple[str, int]]:
    """Locate models in a process of its own, whose hub is at `endpoint`."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", LOCATE, json.dumps(names)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def models(encoder, tmp_path_factory):
    pickled = tmp_path_factory.mktemp("pickled")
    shutil.copy(encoder("bert") / "config.json", pickled)
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    tiny_one = Path(shutil.copytree(encoder("bert"), tmp_path_factory.mktemp("tiny") / "bert"))
    shutil.copytree(tiny_one, tiny_one / "checkpoint-1")
    return {"owner/tiny": tiny_one, "owner/pickled": pickled}


def test_a_download_trains_and_is_found_again_without_the_hub(models, tmp_path):
    with model_hub.serve(models) as endpoint:
        (found, code), (again, _) = locate(endpoint, tmp_path, "owner/tiny", "owner/tiny@main")
    assert (code, again) == (0, found)
    ((offline, _),) = locate(endpoint, tmp_path, "owner/tiny")
    assert offline == found
    folder = tmp_path / "hub/models--owner--tiny/snapshots" / model_hub.COMMIT
    assert str(folder) == found
    assert commit(folder) == model_hub.COMMIT
    assert not (folder / "checkpoint-1").exists()
    quick = {"train.epochs": 1, "train.batch_size": 32}
    model = tune(tiny.config(folder, "none", **quick), tiny.dataset(tiny.some(40)))
    assert len(model.predict(["the soup was wonderful."])) == 1


def test_every_failure_has_its_message(models, tmp_path):
    cases = {
        "owner/none": ("no folder, no packaged model, and no model of http://127.0.0.1", 2),
        "minilmm": ("Did you mean 'minilm'?", 2),
        "not a name!": ("has this name", 2),
        "owner/tiny@old": ("the model has no revision 'old'", 2),
        "owner/gated": ("asks you to accept terms first", 1),
        "owner/pickled": ("weights in the safetensors format", 1),
        "owner/down": ("cannot be reached", 1),
        "owner/page": ("is no model hub. Look whether the network asks for a login", 1),
        "owner/list": ("is no model hub", 1),
        "owner/shut": ("Log in: hf auth login", 1),
    }
    with model_hub.serve(models) as endpoint:
        found = locate(endpoint, tmp_path, *cases)
    for (name, (words, code)), (text, exit_code) in zip(cases.items(), found, strict=True):
        assert words in text, name
        assert name.partition("@")[0] in text
        assert exit_code == code, name
        assert "\n" not in text
        assert "Traceback" not in text


def test_no_hub_at_all(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"  # ours, but nobody listens
        ((text, code),) = locate(address, tmp_path, "owner/tiny")
    assert code == 1
    assert f"{address} cannot be reached" in text
    assert "Offline, these work: a folder with config.json and model.safetensors" in text
