"""Against a stand-in of the Hub, in a process of its own: the Hub's library reads its address once."""

import io
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet
import pytest

from feinschliff.readers.hub import find_splits
from hub_server import serve

READ = """
import json, sys
from feinschliff.errors import FeinschliffError
from feinschliff.readers import read
for source in json.loads(sys.argv[1]):
    try:
        table = read(source)
        places = [table.place(0), table.place(len(table) - 1)]
        print(json.dumps([table.columns.to_pylist(), places, table.notes]))
    except FeinschliffError as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


def read_all(sources, endpoint, cache, **more):
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HF_HUB_OFFLINE": "0", **more}
    command = [sys.executable, "-c", READ, json.dumps(sources)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def parquet(rows, features=None):
    table = pa.Table.from_pylist(rows)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    stream = io.BytesIO()
    pa.parquet.write_table(table, stream)
    return stream.getvalue()


NAMES = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
REPOS = {
    "ada/shards": {
        "README.md": b"# Shards",
        "data/train-00000-of-00002.parquet": parquet([{"text": "a", "label": 1}], NAMES),
        "data/train-00001-of-00002.parquet": parquet(
            [{"text": "b", "label": 0}, {"text": "c", "label": -1}], NAMES
        ),
        "data/test-00000-of-00001.parquet": parquet([{"text": "d", "label": 0}], NAMES),
    },
    "ada/cards": {
        "README.md": (
            b"---\nconfigs:\n- config_name: de\n  data_files: de/*.csv\n"
            b"- config_name: en\n  data_files: en.csv\n---\n"
        ),
        "de/1.csv": b"text,label\neins,x\nzwei,y\n",
        "de/2.csv": b"text,label\ndrei,x\n",
        "en.csv": b"text,label\none,x\n",
    },
    "ada/script": {"script.py": b"import os"},
    "ada/script@refs/convert/parquet": {"default/train/0000.parquet": parquet([{"text": "converted"}])},
    "ada/nothing": {"image.png": b"\x89PNG"},
}
CARDS = {
    "ada/cards": {
        "configs": [
            {"config_name": "de", "data_files": "de/*.csv"},
            {"config_name": "en", "data_files": "en.csv"},
        ]
    }
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def online(cache):
    sources = [
        "hf://ada/shards",
        "hf://datasets/ada/shards:test",
        "hf://ada/cards/de",
        "hf://ada/cards/en.csv",
        "hf://ada/script",
        "hf://ada/shards:tset",
        "hf://ada/cards",
        "hf://ada/nothing",
        "hf://ada/unknown",
        "hf://ada/gated",
        "hf://ada",
    ]
    with serve(REPOS, CARDS) as endpoint:
        return dict(zip(sources, read_all(sources, endpoint, cache), strict=True))


def test_reads_all_shards_of_a_split_with_class_names(online):
    rows, places, notes = online["hf://ada/shards"]
    assert rows == [
        {"text": "a", "label": "pos"},
        {"text": "b", "label": "neg"},
        {"text": "c", "label": None},
    ]
    assert places == ["hf://ada/shards, row 1", "hf://ada/shards, row 3"]
    assert notes == ["split train of train, test"]
    assert online["hf://datasets/ada/shards:test"][0] == [{"text": "d", "label": "neg"}]


def test_follows_the_card_and_keeps_places(online):
    rows, places, _ = online["hf://ada/cards/de"]
    assert [row["text"] for row in rows] == ["eins", "zwei", "drei"]
    assert places == ["hf://ada/cards/de/1.csv:2", "hf://ada/cards/de/2.csv:2"]
    assert online["hf://ada/cards/en.csv"][0] == [{"text": "one", "label": "x"}]


def test_reads_the_converted_copy_instead_of_a_script(online):
    assert online["hf://ada/script"][0] == [{"text": "converted"}]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf://ada/shards:tset", "there is no split 'tset'. One of: test, train. Did you mean 'test'?"),
        ("hf://ada/cards", "there are several configs. One of: de, en. Add /NAME to the address."),
        ("hf://ada/nothing", "the data set has no files that can be read"),
        ("hf://ada/unknown", "has no such data set"),
        ("hf://ada/gated", "asks you to accept terms first"),
        ("hf://ada", "is no address of a data set. hf://owner/name[/config][:split]."),
    ],
)
def test_what_is_not_there(online, source, message):
    kind, text = online[source]
    assert kind == "ConfigError"
    assert text.startswith(source)
    assert message in text


def test_offline_takes_the_cache_or_says_so_in_one_line(online, cache):
    sources = ["hf://ada/shards", "hf://ada/cards/de", "hf://ada/other"]
    nobody = "http://127.0.0.1:9"
    for more in ({}, {"HF_HUB_OFFLINE": "1"}):
        shards, cards, other = read_all(sources, nobody, cache, **more)
        assert shards[0] == online["hf://ada/shards"][0]
        assert shards[2][-1] == "the hub cannot be reached, taken from the local cache"
        assert cards[0] == online["hf://ada/cards/de"][0]
        assert other[0] == "FeinschliffError"
        assert other[1].startswith(f"hf://ada/other: not in the local cache, and {nobody} cannot be reached")
        assert "\n" not in other[1]


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["train.csv", "test.csv", "NEWS.txt"], {"default": {"train": ["train.csv"], "test": ["test.csv"]}}),
        (["reviews.jsonl"], {"default": {"train": ["reviews.jsonl"]}}),
        (["a.csv", "a.parquet"], {"default": {"train": ["a.parquet"]}}),
        (["de/train/0.parquet", "en/train/0.parquet"], {
            "de": {"train": ["de/train/0.parquet"]}, "en": {"train": ["en/train/0.parquet"]}}),
        (["data/dev.tsv.gz"], {"default": {"validation": ["data/dev.tsv.gz"]}}),
        (["README.md", "x.py"], {}),
    ],
)  # fmt: skip
def test_splits_by_file_names(files, splits):
    assert find_splits(files, {}) == splits


def test_cards_written_by_hand():
    files = ["a/1.csv", "b.csv"]
    card = {
        "configs": [{"config_name": "x", "data_files": [{"split": "test", "path": ["a/*", "b.csv"]}]}, 7, {}]
    }
    assert find_splits(files, card) == {"x": {"test": ["a/1.csv", "b.csv"]}}
    assert find_splits(files, {"configs": "nonsense"}) == find_splits(files, {})
