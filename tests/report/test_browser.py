"""The page in a real browser, where one is installed."""

import json
import re
import shutil
import subprocess

import pytest
import samples

from feinschliff.report import html

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
FRAME = """<!doctype html>
<iframe id="frame" src="report.html" style="border:0;width:{width}px;height:900px"></iframe>
<pre id="found"></pre><script>
frame.onload = () => {{
  const page = frame.contentDocument;
  found.textContent = JSON.stringify((() => {{ {script} }})());
}};
</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


def ask(folder, result, script, width=390):
    """Open the report in a frame of some width and return what a script finds there."""
    (folder / "report.html").write_text(html(result), encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.format(width=width, script=script), encoding="utf-8")
    flags = [
        "--headless",
        "--hide-scrollbars",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--virtual-time-budget=4000",
    ]
    flags += [f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "frame.html").as_uri()]
    done = subprocess.run([BROWSER, *flags], capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    return json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.mark.parametrize("name", ["many", "ner"])
def test_a_phone_never_scrolls_sideways(tmp_path, name):
    script = "const e = page.documentElement; return [e.clientWidth, e.scrollWidth];"
    assert ask(tmp_path, samples.ALL[name](), script) == [390, 390]


def test_tables_sort_and_filter(tmp_path):
    script = """
      const table = page.querySelector("#per-class"), rows = () => [...table.tBodies[0].rows];
      const values = (column) => rows().map((row) => Number(row.cells[column].dataset.v));
      const before = values(2);
      table.tHead.rows[0].cells[3].querySelector("button").click();
      const after = values(3), sorted = table.tHead.rows[0].cells[3].getAttribute("aria-sort");
      table.tHead.rows[0].cells[0].querySelector("button").click();
      const names = rows().map((row) => row.cells[0].textContent);
      const input = page.querySelector("input");
      input.value = "PIN";
      input.dispatchEvent(new Event("input"));
      const shown = rows().filter((row) => !row.hidden).length;
      return [before, after, sorted, names, shown, input.closest(".tools").hidden];
    """
    before, after, sorted_by, names, shown, hidden = ask(tmp_path, samples.many(), script, width=1200)
    assert before == sorted(before)
    assert after == sorted(after, reverse=True)
    assert sorted_by == "descending"
    assert names == sorted(names)
    assert shown == sum("pin" in name for name in names)
    assert not hidden


def test_nothing_but_our_script_runs(tmp_path):
    result = samples.binary()
    result["mistakes"][0]["text"] = (
        "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"
    )
    script = """
      const added = page.createElement("script");
      added.textContent = "document.title = 'broken'";
      page.body.append(added);
      return page.title;
    """
    assert ask(tmp_path, result, script) == "reviews · Feinschliff"
