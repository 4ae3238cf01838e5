"""Threads sleep while they wait only where others want the cores, and where the user has not decided."""

import multiprocessing
import os
import sys

import pytest

from feinschliff.cli import _waiting


@pytest.fixture
def free(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("share", "spins"), [(0.0, None), (0.39, None), (0.5, _waiting.SPINS)])
@pytest.mark.usefixtures("free")
def test_only_on_a_busy_machine(monkeypatch, share, spins):
    monkeypatch.setattr(_waiting, "others_computing", lambda: share * (os.cpu_count() or 1))
    _waiting.wait_as_fits()
    assert os.environ.get("GOMP_SPINCOUNT") == spins


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
@pytest.mark.usefixtures("free")
def test_what_the_user_has_set_stays(monkeypatch, name):
    monkeypatch.setenv(name, "7")
    monkeypatch.setattr(_waiting, "others_computing", lambda: 1000.0)
    _waiting.wait_as_fits()
    assert os.environ[name] == "7"
    assert len(os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}) == 1


def spin() -> None:
    while True:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many threads want a core")
def test_others_are_seen():
    workers = [multiprocessing.get_context("fork").Process(target=spin, daemon=True) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        seen = max(_waiting.others_computing() for _ in range(20))
    finally:
        for worker in workers:
            worker.kill()
    assert seen >= 1


def test_where_linux_does_not_tell_nobody_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(_waiting, "Path", lambda _: tmp_path / "none")
    assert _waiting.others_computing() == 0.0
