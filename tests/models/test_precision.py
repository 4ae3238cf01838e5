"""Devices and number formats: what is asked for, what there is, and what is chosen."""

import json
import platform

import pytest
import torch

from feinschliff.errors import ConfigError
from feinschliff.models import measured, precision
from feinschliff.models.precision import autocast, resolve_device, resolve_precision

CPU = torch.device("cpu")


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == CPU
    assert resolve_device("cpu") == CPU
    for name in ("toaster", "meta", "xpu"):
        with pytest.raises(ConfigError, match=f"train.device: there is no device '{name}'"):
            resolve_device(name)
    for name in ("cuda", "cuda:1", "mps"):
        with pytest.raises(ConfigError, match=r"sees no (cuda|mps) device here"):
            resolve_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("auto").type == "cuda"
    with pytest.raises(ConfigError, match="cuda:1"):
        resolve_device("cuda:1")


def test_precision_goes_by_the_hardware(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    for has_it, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda has_it=has_it: has_it)
        assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("float32", CPU) == "float32"
    assert resolve_precision("auto", torch.device("mps")) == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert resolve_precision("auto", torch.device("cuda")) == "bfloat16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert resolve_precision("auto", torch.device("cuda")) == "float16"
    with pytest.raises(ConfigError, match="float16 needs a CUDA device"):
        resolve_precision("float16", CPU)


@pytest.mark.parametrize(("machine", "expected"), [("x86_64", "float32"), ("arm64", "bfloat16")])
def test_what_was_measured_decides_where_nothing_else_tells(monkeypatch, tmp_path, machine, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: False)
    assert resolve_precision("auto", CPU) == "float32"
    measured.file().parent.mkdir()
    measured.file().write_text(json.dumps(measured.facts(CPU) | {"best": "bfloat16"}))
    assert resolve_precision("auto", CPU) == expected
    measured.file().write_text(json.dumps(measured.facts(CPU) | {"best": "bfloat16", "torch": "0"}))
    assert resolve_precision("auto", CPU) == "float32"


def test_autocast():
    a = torch.ones(2, 2)
    for name in ("float32", "bfloat16"):
        with autocast(CPU, name):
            assert (a @ a).dtype == getattr(torch, name)
