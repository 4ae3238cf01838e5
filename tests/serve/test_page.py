"""The page to try models, in a real browser where one is installed."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import subprocess

import pytest
from fastapi.testclient import TestClient
from serving import TEXTS, running, service_of
from starlette.responses import HTMLResponse

from feinschliff.bundle import load
from feinschliff.serve import pages, server
from feinschliff.serve.app import create_app

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
FRAME = """<!doctype html><body>
<iframe id="frame" src="{page}" style="border:0;width:{width}px;height:900px"></iframe>
<pre id="found"></pre><script>
const until = async (test) => {{
  for (let i = 0; i < 400 && !test(); i += 1) await new Promise((done) => setTimeout(done, 25));
}};
frame.onload = async () => {{
  const page = frame.contentDocument, $ = (id) => page.getElementById(id);
  const ask = async (text) => {{
    $("answer").hidden = true;
    $("text").value = text;
    $("ask").requestSubmit();
    await until(() => !$("answer").hidden || !$("error").hidden);
  }};
  const told = () => $("result").innerText;
  try {{ found.textContent = JSON.stringify(await (async () => {{ {script} }})()); }}
  catch (error) {{ found.textContent = JSON.stringify("broken: " + error.stack); }}
}};
</script>"""
TEXT = f"🎉 {TEXTS[2]}"
READY = 'await until(() => $("about").textContent);'
CSV = '''name;text;note
1;"the soup was wonderful; ""today""";x
2;my order came broken;y

3;"a joy
in two lines";z
'''


@pytest.fixture
def drive(folders, tmp_path, monkeypatch):
    """Give a function that opens the page in a frame, runs a script there, and returns what it finds."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")

    def run(script, *names, width=1000, page="/", **settings):
        def app(service):
            made = create_app(service)
            content = FRAME.format(script=script, width=width, page=page)
            made.add_api_route("/health/frame", lambda: HTMLResponse(content))
            return made

        monkeypatch.setattr(server, "create_app", app)
        monkeypatch.setattr("feinschliff.serve.guard.OPEN", frozenset(["/", "/health/frame"]))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--lang=en"]
        flags += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        with running(service_of(*(folders[name] for name in names), **settings)) as url:
            done = subprocess.run(
                [BROWSER, *flags, f"{url}/health/frame"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
        assert found, done.stderr[-2000:]
        assert found.group(1), done.stderr[-2000:]
        return json.loads(html.unescape(found.group(1)))

    return run


def test_texts_are_answered_in_two_languages_by_every_model(drive, folders):
    names = ("classification", "multilabel", "regression", "ner", "pairs")
    script = f"""{READY}
      const found = {{}};
      for (const option of [...$("model").options]) {{
        $("model").value = option.value;
        $("model").dispatchEvent(new Event("change"));
        $("pair").value = "a joy";
        await ask({json.dumps(TEXT)});
        found[option.value] = [told(), [...page.querySelectorAll("mark")].map((m) => m.firstChild.data)];
      }}
      const title = page.querySelector("h1").textContent;
      $("language").click();
      return [found, title, page.querySelector("h1").textContent, page.documentElement.lang, told()];
    """
    found, english, german, language, last = drive(script, *names)
    assert (english, german, language) == ("Try the model", "Modell ausprobieren", "de")
    assert "Wahrscheinlichkeit" in last
    text, models = TEXT, {name: load(folders[name], "cpu") for name in names}
    (sure,) = models["classification"].predict([text])
    assert ("Not sure enough" in found["classification"][0]) == (not sure.answered)
    assert (
        f"{100 * max(sure.probabilities.values()):.1f}".rstrip("0").rstrip(".") in found["classification"][0]
    )
    for label in models["multilabel"].predict([text])[0].label:
        assert label in found["multilabel"][0].splitlines()[0]
    number = models["regression"].predict([text])[0].label
    assert float(found["regression"][0].replace("−", "-")) == pytest.approx(number, abs=1e-3)
    spans = models["ner"].predict([text])[0].spans
    assert found["ner"][1] == [text[s["start"] : s["end"]] for s in spans] != []
    assert models["pairs"].predict([text], ["a joy"])[0].label in found["pairs"][0]


def test_words_are_weighed(drive):
    script = f"""{READY}
      await ask("the soup was wonderful");
      $("why").click();
      await until(() => $("words").children.length);
      const words = [...page.querySelectorAll(".w")].map((w) => w.textContent);
      return [words, $("words").querySelectorAll("tbody tr").length, $("error").hidden];
    """
    pytest.importorskip("captum")
    assert drive(script, "classification") == [["the", "soup", "was", "wonderful"], 4, True]


def test_a_file_comes_back_labelled(drive, folders):
    script = f"""{READY}
      const transfer = new DataTransfer();
      transfer.items.add(new File([{json.dumps(CSV)}], "new.csv"));
      $("drop").dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer, bubbles: true }}));
      await until(() => !$("table").hidden);
      const column = $("column").selectedOptions[0].textContent;
      $("label-rows").click();
      await until(() => !$("download").hidden);
      const saved = await (await fetch($("download").href)).text();
      const cells = [...$("preview").rows].map((row) => [...row.cells].map((cell) => cell.textContent));
      return [column, cells, $("download").download, $("file-status").textContent, saved];
    """
    column, cells, name, said, saved = drive(script, "multilabel")
    assert (column, name) == ("text", "new-labelled.csv")
    assert said.startswith("3 rows labelled")
    texts = ['the soup was wonderful; "today"', "my order came broken", "a joy\nin two lines"]
    found = load(folders["multilabel"], "cpu").predict(texts)
    expected = [json.dumps(p.label, separators=(",", ":")) for p in found]
    assert cells[0] == ["name", "text", "note", "prediction"]
    assert [row[1] for row in cells[1:]] == texts
    assert [row[3] for row in cells[1:]] == expected
    rows = list(csv.reader(io.StringIO(saved.removeprefix("\ufeff")), delimiter=";"))
    assert rows == [
        cells[0],
        *(
            [str(i + 1), text, note, said]
            for i, (text, note, said) in enumerate(zip(texts, "xyz", expected, strict=True))
        ),
    ]


OPEN_ROWS = f"""{READY}
  const drop = (name, content) => {{
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], name));
    $("drop").dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer, bubbles: true }}));
  }};
  const texts = [...Array(100).keys()].map((i) => `the soup was ${{i}}`);
  drop("new.csv", "text,other\\n" + texts.map((text) => `${{text}},my order\\n`).join(""));
  await until(() => !$("table").hidden);
  const window = frame.contentWindow, real = window.fetch.bind(window);
  let asked = 0;
  window.setTimeout = (run) => setTimeout(run, 0);
  const answering = (fault) => {{
    asked = 0;
    window.fetch = (...of) => fault(asked += 1) || real(...of);
  }};
  const refusal = (status) => Promise.resolve(new Response('{{"error": "too busy"}}', {{ status }}));
  const lost = () => Promise.reject(new TypeError("lost"));
  const cut = () => Promise.resolve(new Response('[{{"label": '));
  const saved = async () => (await (await fetch($("download").href)).text()).trim().split("\\r\\n").slice(1);
"""


def test_a_file_is_labelled_by_what_was_chosen_at_the_start(drive, folders):
    script = f"""{OPEN_ROWS}
      const inputs = ["model", "file", "column", "second-column"].map($);
      $("label-rows").click();
      const during = inputs.map((input) => input.disabled);
      for (const [id, value] of [["model", "multilabel"], ["column", "1"]]) {{
        $(id).value = value;
        $(id).dispatchEvent(new Event("change"));
      }}
      drop("other.csv", "text\\nanother\\n");
      await until(() => !$("download").hidden);
      return [during, inputs.map((input) => input.disabled), $("download").download, await saved()];
    """
    during, after, name, rows = drive(script, "regression", "multilabel")
    assert (during, after) == ([True] * 4, [False] * 4)
    assert name == "new-labelled.csv"
    expected = load(folders["regression"], "cpu").predict([f"the soup was {i}" for i in range(100)])
    assert [row.split(",")[0] for row in rows] == [f"the soup was {i}" for i in range(100)]
    assert [float(row.split(",")[2]) for row in rows] == pytest.approx([p.label for p in expected], abs=1e-4)


def test_a_file_is_labelled_though_the_server_is_slow_or_away_for_a_while(drive, folders):
    script = f"""{OPEN_ROWS}
      const faults = [, , () => refusal(504), lost, cut, () => refusal(503), () => refusal(429)];
      answering((i) => faults[i]?.());
      $("label-rows").click();
      await until(() => !$("download").hidden || !$("error").hidden);
      return [$("error").hidden, $("file-status").textContent, await saved()];
    """
    hidden, said, rows = drive(script, "regression")
    assert hidden
    assert said.startswith("100 rows labelled")
    expected = load(folders["regression"], "cpu").predict([f"the soup was {i}" for i in range(100)])
    assert [float(row.split(",")[2]) for row in rows] == pytest.approx([p.label for p in expected], abs=1e-4)


def test_rows_labelled_before_the_server_went_away_are_offered(drive, folders):
    script = f"""{OPEN_ROWS}
      const found = [];
      for (const fault of [lost, () => refusal(503), () => refusal(500)]) {{
        answering((i) => i > 2 && fault());
        $("label-rows").click();
        await until(() => !$("column").disabled);
        const [error, said] = ["error", "file-status"].map((id) => $(id).textContent);
        found.push([$("download").hidden, error, said, asked, await saved()]);
      }}
      answering(() => refusal(401));
      $("label-rows").click();
      await until(() => !$("column").disabled);
      return [found, $("download").hidden];
    """
    found, hidden = drive(script, "regression")
    assert hidden
    labels = [
        p.label for p in load(folders["regression"], "cpu").predict([f"the soup was {i}" for i in range(64)])
    ]
    for (hidden, error, said, asked, rows), reason, most in zip(
        found, ("cannot be reached", "too busy", "too busy"), (44, 44, 4), strict=True
    ):
        assert not hidden
        assert reason in error
        assert said == "Stopped after 64 rows."
        assert asked <= most
        cells = [row.split(",") for row in rows]
        assert [float(row[2]) for row in cells[:64]] == pytest.approx(labels, abs=1e-4)
        assert [row[2] for row in cells[64:]] == [""] * 36


def test_a_key_is_asked_for_and_errors_are_shown(drive):
    script = """await until(() => !$("key-form").hidden);
      const enter = async (key) => { $("key").value = key; $("key-form").requestSubmit(); };
      await enter("wrong");
      await until(() => !$("key-wrong").hidden);
      const refused = $("key-wrong").textContent;
      await enter("geheim");
      await until(() => $("about").textContent);
      await ask("x".repeat(50001));
      const error = $("error").textContent;
      await ask("a joy");
      return [refused, error, $("error").hidden, told() !== ""];
    """
    refused, error, hidden, answered = drive(script, "classification", key="geheim")
    assert "does not accept" in refused
    assert "50,001 characters" in error
    assert (hidden, answered) == (True, True)


def test_everything_has_a_name_and_a_phone_never_scrolls_sideways(drive):
    script = f"""{READY}
      await ask("the new phone " + "stopped".repeat(40));
      const named = (e) => e.labels?.length || e.textContent.trim() || e.ariaLabel;
      const all = [...page.querySelectorAll("button, select, textarea, input, a[href]")];
      const shown = all.filter((e) => e.offsetParent !== null);
      const order = shown.map((e) => e.tabIndex);
      const added = page.createElement("script");
      added.textContent = "document.title = 'broken'";
      page.body.append(added);
      const e = page.documentElement;
      return [shown.filter((e) => !named(e)).length, Math.max(...order), Math.min(...order), page.title,
              e.clientWidth, e.scrollWidth, shown.length];
    """
    nameless, most, least, title, width, scrolled, many = drive(script, "ner", "multilabel", width=390)
    assert (nameless, most, least) == (0, 0, 0)
    assert many > 5
    assert title == "ner · Feinschliff"
    assert scrolled == width <= 390


def test_the_page_is_whole_and_asks_no_other_server(folders):
    text, policy = pages.page()
    assert "{{" not in text
    assert "://" not in text
    assert "'unsafe-inline'" not in policy
    with TestClient(create_app(service_of(folders["ner"]))) as client:
        answer = client.get("/")
        assert answer.text == text
        assert answer.headers["content-security-policy"] == policy
    keys = [
        set(re.findall(r"(\w+): \"", block))
        for block in re.findall(r"  (?:en|de): \{(.*?)\n  \},", text, re.S)
    ]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    used = set(re.findall(r'data-t="(\w+)"', text)) | set(re.findall(r'\bt\("(\w+)"', text))
    assert used <= keys[0]


def test_explanations(folders):
    pytest.importorskip("captum")
    with TestClient(create_app(service_of(folders["ner"], folders["pairs"]))) as client:
        text = "my order came broken again"
        found = client.post("/models/ner/explain", json={"inputs": text}).json()
        expected = load(folders["ner"], "cpu").explain([text])[0]
        assert [e["label"] for e in found] == [e.label for e in expected]
        for one, other in zip(found, expected, strict=True):
            assert [w["weight"] for w in one["words"]] == pytest.approx(
                [w["weight"] for w in other.words], abs=1e-4
            )
        pair = client.post("/models/pairs/explain", json={"inputs": {"text": text, "text_pair": "a joy"}})
        assert {w["side"] for w in pair.json()[0]["words"]} == {"text", "text_pair"}
        assert client.post("/models/ner/explain", json={"inputs": [text]}).status_code == 422
        assert client.post("/models/ner/explain", json={"inputs": "x" * 4001}).status_code == 413
