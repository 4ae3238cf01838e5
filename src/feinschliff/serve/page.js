"use strict";
const TEXTS = {
  en: {
    title: "Try the model", model: "Model", report: "Report of the training", docs: "HTTP interface", other: "Deutsch",
    text: "Text", pair: "Second text", ask: "Ask", hint: "or Ctrl + Enter", answer: "Answer",
    key: "This server asks for an API key.", unlock: "Go on", wrongKey: "The server does not accept this key.",
    asking: "Asking …", took: "Answered in {0} ms.", why: "Which words mattered?", explaining: "Looking at the words …",
    unsure: "Not sure enough to answer", likely: "Most probable: {0}", possible: "With a probability of {0} the truth is among: {1}",
    range: "With a probability of {0} the truth lies between {1} and {2}", coverage: "the promised probability",
    none: "None of the labels", noEntities: "No entities found", label: "Label", probability: "Probability", entity: "Entity",
    words: "Words, by their weight for “{0}”", number: "the number", word: "Word", weight: "Weight",
    speaks: "speaks for it", against: "speaks against it",
    fileTitle: "Label a file", fileHint: "A CSV file with a heading. It stays in your browser; only its texts are sent to this server.",
    choose: "Choose a CSV file", drop: "or drop it here", column: "Text in column", columnPair: "second text in", labelRows: "Label {0} rows",
    cancel: "Stop", download: "Save the labelled file", rows: "{0}: {1} rows. The first ones:", done: "{0} rows labelled in {1} s.",
    failed: "{0} of them could not be labelled; the column “error” says why.", working: "{0} of {1} rows", stopped: "Stopped after {0} rows.",
    prediction: "prediction", confidence: "confidence", error: "error", empty: "The file holds no rows.", big: "The file is larger than 50 MB; use feinschliff predict.",
    ragged: "Line {0} has {1} columns, the heading has {2}.", lost: "The server cannot be reached.", wait: "The server is busy; trying again …",
    classification: "one label per text", multilabel: "any number of labels", regression: "a number", ner: "named entities", version: "version {0}",
  },
  de: {
    title: "Modell ausprobieren", model: "Modell", report: "Bericht zum Training", docs: "HTTP-Schnittstelle", other: "English",
    text: "Text", pair: "Zweiter Text", ask: "Fragen", hint: "oder Strg + Eingabe", answer: "Antwort",
    key: "Dieser Server verlangt einen API-Schlüssel.", unlock: "Weiter", wrongKey: "Der Server nimmt diesen Schlüssel nicht an.",
    asking: "Das Modell liest …", took: "Beantwortet in {0} ms.", why: "Welche Wörter zählten?", explaining: "Die Wörter werden gewogen …",
    unsure: "Nicht sicher genug für eine Antwort", likely: "Am wahrscheinlichsten: {0}", possible: "Mit einer Wahrscheinlichkeit von {0} ist darunter das Richtige: {1}",
    range: "Mit einer Wahrscheinlichkeit von {0} liegt das Richtige zwischen {1} und {2}", coverage: "der zugesagten Wahrscheinlichkeit",
    none: "Keines der Labels", noEntities: "Keine Entitäten gefunden", label: "Label", probability: "Wahrscheinlichkeit", entity: "Entität",
    words: "Wörter nach ihrem Gewicht für „{0}“", number: "die Zahl", word: "Wort", weight: "Gewicht",
    speaks: "spricht dafür", against: "spricht dagegen",
    fileTitle: "Datei beschriften", fileHint: "Eine CSV-Datei mit Kopfzeile. Sie bleibt im Browser; nur die Texte gehen an diesen Server.",
    choose: "CSV-Datei wählen", drop: "oder hier ablegen", column: "Text in Spalte", columnPair: "zweiter Text in", labelRows: "{0} Zeilen beschriften",
    cancel: "Anhalten", download: "Beschriftete Datei speichern", rows: "{0}: {1} Zeilen. Die ersten:", done: "{0} Zeilen in {1} s beschriftet.",
    failed: "{0} davon ließen sich nicht beschriften; die Spalte „error“ sagt, warum.", working: "{0} von {1} Zeilen", stopped: "Nach {0} Zeilen angehalten.",
    prediction: "prediction", confidence: "confidence", error: "error", empty: "Die Datei enthält keine Zeilen.", big: "Die Datei ist größer als 50 MB; dafür gibt es feinschliff predict.",
    ragged: "Zeile {0} hat {1} Spalten, die Kopfzeile hat {2}.", lost: "Der Server ist nicht erreichbar.", wait: "Der Server ist ausgelastet; neuer Versuch …",
    classification: "ein Label je Text", multilabel: "beliebig viele Labels", regression: "eine Zahl", ner: "Entitäten", version: "Version {0}",
  },
};
const $ = (id) => document.getElementById(id);
const SHOWN_LABELS = 10, SHOWN_WORDS = 8, SHOWN_ROWS = 5, ROWS_AT_ONCE = 32, IN_FLIGHT = 2, ATTEMPTS = 20;
let language = (navigator.language || "en").startsWith("de") ? "de" : "en";
let models = [], model = null, key = "", last = null, file = null, turn = 0, stop = false;

const t = (name, ...values) => TEXTS[language][name].replace(/\{(\d)\}/g, (_, i) => values[i]);
const number = (value, digits = 0) => value.toLocaleString(language, { maximumFractionDigits: digits }).replace("-", "−");
const percent = (value) => value.toLocaleString(language, { style: "percent", maximumFractionDigits: 1 });

function make(tag, content = "", values = {}) {
  const found = Object.assign(document.createElement(tag), values);
  found.append(...[content].flat());
  return found;
}

/* Talking to the server */

class Refused extends Error {
  constructor(status, message, wait = 1) { super(message); Object.assign(this, { status, wait }); }
}

async function call(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  let answer, found;
  try {
    answer = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
    found = await (answer.ok ? answer.json() : answer.json().catch(() => ({})));
  } catch { throw new Refused(0, t("lost")); }
  if (answer.ok) return found;
  throw new Refused(answer.status, found.error || `HTTP ${answer.status}`, Number(answer.headers.get("Retry-After")) || 1);
}

const ask = (inputs, what = "predict", whom = model) => call(`models/${whom.name}/${what}`, { inputs });
const given = (text, pair, whom = model) => (whom.pairs ? { text, text_pair: pair } : text);

async function begin() {
  try {
    models = await call("models");
  } catch (refused) {
    if (refused.status === 401) {
      $("key-wrong").hidden = !key;
      $("key-form").hidden = false;
      $("key").focus();
    } else fail(refused);
    return;
  }
  $("key-form").hidden = true;
  $("model").replaceChildren(...models.map((m) => make("option", m.name, { value: m.name })));
  $("choose").hidden = models.length < 2;
  choose(models[0].name);
}

function choose(name) {
  model = models.find((m) => m.name === name);
  turn += 1;
  $("answer").hidden = true;
  $("status").textContent = "";
  last = null;
  $("second").hidden = $("column-pair").hidden = !model.pairs;
  $("pair").required = model.pairs;
  $("report").hidden = !model.report || key !== ""; // a link cannot carry the key
  $("report").href = `models/${model.name}/report`;
  say();
}

function fail(refused) {
  $("error").textContent = refused.message;
  $("error").hidden = false;
}

/* Language */

function say() {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-t]")) place.textContent = t(place.dataset.t);
  $("language").textContent = t("other");
  $("language").lang = language === "de" ? "en" : "de";
  if (model) {
    $("about").textContent = `${model.name}, ${t(model.kind)}, ${t("version", model.version)}`;
    document.title = `${model.name} · Feinschliff`;
  }
  if (last) show(last);
  if (file) showFile();
}

/* One text */

async function submit(event) {
  event.preventDefault();
  if (!model) return;
  const mine = ++turn, text = $("text").value, pair = $("pair").value, begun = performance.now();
  $("error").hidden = true;
  $("status").textContent = t("asking");
  try {
    const answer = await ask(given(text, pair));
    if (mine !== turn) return;
    last = { text, pair, answer, milliseconds: performance.now() - begun };
    show(last);
    $("answer").hidden = false;
  } catch (refused) {
    $("status").textContent = "";
    $("answer").hidden = true;
    fail(refused);
  }
}

function show({ text, answer, milliseconds, explanation }) {
  const told = answer.spans ? entities(text, answer.spans) : decision(answer);
  $("result").replaceChildren(...told);
  $("why").hidden = !model.explains || Boolean(explanation);
  $("words").replaceChildren(...(explanation ? explanation.flatMap((one) => weights(text, one)) : []));
  $("status").textContent = t("took", number(milliseconds));
}

function decision({ label, score, probabilities, answered, possible }) {
  const parts = [];
  if (model.kind === "regression") {
    parts.push(make("p", number(label, 4), { className: "big" }));
    if (possible) parts.push(make("p", t("range", t("coverage"), number(possible[0], 4), number(possible[1], 4))));
    return parts;
  }
  const ranked = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const chosen = Array.isArray(label) ? label : answered ? [label] : [];
  if (!answered) {
    parts.push(make("p", t("unsure"), { className: "big unsure" }), make("p", t("likely", `${ranked[0][0]} (${percent(ranked[0][1])})`)));
  } else {
    const words = make("p", chosen.length ? chosen.join(", ") : t("none"), { className: "big" });
    if (score !== undefined) words.append(make("small", percent(score)));
    parts.push(words);
  }
  if (possible) parts.push(make("p", t("possible", t("coverage"), possible.join(", ") || "–"), { className: "note" }));
  const rows = ranked.slice(0, SHOWN_LABELS).map(([name, share]) => {
    const bar = make("i");
    bar.style.setProperty("--share", share);
    const row = make("tr", [make("th", name, { scope: "row" }), make("td", bar, { className: "bar", ariaHidden: "true" }), make("td", percent(share), { className: "n" })]);
    row.className = chosen.includes(name) ? "given" : "";
    return row;
  });
  const head = make("tr", [make("th", t("label"), { scope: "col" }), make("td"), make("th", t("probability"), { scope: "col", className: "n" })]);
  parts.push(make("table", [make("thead", head), make("tbody", rows)]));
  return parts;
}

const hue = (name) => Math.round((model.labels.indexOf(name) * 137.5 + 160) % 360);

function entities(text, spans) {
  if (!spans.length) return [make("p", t("noEntities"), { className: "big" }), make("p", text, { className: "text" })];
  const characters = [...text], parts = [];  // positions count characters, JavaScript counts half of some
  let end = 0;
  for (const span of spans) {
    parts.push(characters.slice(end, span.start).join(""));
    const mark = make("mark", [characters.slice(span.start, span.end).join(""), make("small", span.label)]);
    mark.style.setProperty("--hue", hue(span.label));
    parts.push(mark);
    end = span.end;
  }
  parts.push(characters.slice(end).join(""));
  const head = make("tr", [make("th", t("entity"), { scope: "col" }), make("th", t("label"), { scope: "col" }), make("th", t("probability"), { scope: "col", className: "n" })]);
  const rows = spans.map((s) => make("tr", [
    make("th", characters.slice(s.start, s.end).join(""), { scope: "row" }), make("td", s.label), make("td", percent(s.score), { className: "n" }),
  ]));
  return [make("p", parts, { className: "text" }), make("table", [make("thead", head), make("tbody", rows)])];
}

/* Why */

async function explain() {
  const mine = turn, asked = last;
  $("why").disabled = true;
  $("status").textContent = t("explaining");
  try {
    const found = await ask(given(asked.text, asked.pair), "explain");
    if (mine !== turn) return;
    asked.explanation = found;
    show(asked);
  } catch (refused) { $("status").textContent = ""; fail(refused); }
  $("why").disabled = false;
}

function weights(text, { label, words }) {
  const name = label === null ? t("number") : label.label ? `${[...text].slice(label.start, label.end).join("")} (${label.label})` : label;
  const most = Math.max(...words.map((w) => Math.abs(w.weight)), 1e-9), parts = [];
  for (const side of ["text", "text_pair"]) {
    const mine = words.filter((w) => (w.side || "text") === side);
    if (!mine.length) continue;
    const characters = [...(side === "text" ? text : last.pair)], line = [];
    let end = 0;
    for (const word of mine) {
      line.push(characters.slice(end, word.start).join(""));
      const place = make("span", characters.slice(word.start, word.end).join(""), { className: `w ${word.weight > 0 ? "for" : "against"}` });
      place.style.setProperty("--share", Math.abs(word.weight) / most < 0.05 ? 0 : Math.abs(word.weight) / most);
      if (Math.abs(word.weight) / most < 0.05) place.className = "w";
      line.push(place);
      end = word.end;
    }
    parts.push(make("p", [...line, characters.slice(end).join("")], { className: "text" }));
  }
  const strongest = [...words].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, SHOWN_WORDS);
  const rows = strongest.map((w) => make("tr", [
    make("th", w.text, { scope: "row" }), make("td", t(w.weight > 0 ? "speaks" : "against")), make("td", number(w.weight, 2), { className: "n" }),
  ]));
  const head = make("tr", [make("th", t("word"), { scope: "col" }), make("td"), make("th", t("weight"), { scope: "col", className: "n" })]);
  return [make("h3", t("words", name)), ...parts, make("table", [make("thead", head), make("tbody", rows)])];
}

/* A file */

function parse(written) {
  const text = written.replace(/^sep=.\r?\n/, "");
  const first = text.slice(0, (text.indexOf("\n") + 1 || text.length + 1) - 1);
  const separator = [",", ";", "\t"].reduce((a, b) => (first.split(b).length > first.split(a).length ? b : a));
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') { cell += c; i += 1; } else if (c === '"') quoted = false; else cell += c;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) { row.push(cell); cell = ""; }
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i += 1;
      row.push(cell);
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = []; cell = "";
    } else cell += c;
  }
  if (cell !== "" || row.length) { row.push(cell); rows.push(row); }
  return { separator, heading: rows[0] || [], rows: rows.slice(1) };
}

function write({ separator, heading, rows }) {
  const cell = (value) => (/["\r\n]/.test(value) || value.includes(separator) ? `"${value.replaceAll('"', '""')}"` : value);
  return [heading, ...rows].map((row) => row.map(cell).join(separator)).join("\r\n") + "\r\n";
}

async function open(chosen) {
  $("error").hidden = true;
  if (!chosen) return;
  if (chosen.size > 50e6) return fail({ message: t("big") });
  const bytes = new Uint8Array(await chosen.arrayBuffer());
  if ($("file").disabled) return; // another is being labelled
  let text;
  const wide = { "255,254": "utf-16le", "254,255": "utf-16be" }[bytes.slice(0, 2).join()];
  try { text = new TextDecoder(wide || "utf-8", { fatal: true }).decode(bytes); } catch { text = new TextDecoder("windows-1252").decode(bytes); }
  const found = parse(text), width = found.heading.length;
  const wrong = found.rows.findIndex((row) => row.length !== width);
  if (!found.rows.length) return fail({ message: t("empty") });
  if (wrong >= 0) return fail({ message: t("ragged", wrong + 2, found.rows[wrong].length, width) });
  file = { ...found, name: chosen.name, labelled: null };
  const usual = found.heading.findIndex((name) => /^(text|texts|sentence|review|message|content|body|nachricht|satz)$/i.test(name.trim()));
  const lengths = found.heading.map((_, i) => found.rows.slice(0, 200).reduce((sum, row) => sum + row[i].length, 0));
  const guess = usual >= 0 ? usual : lengths.indexOf(Math.max(...lengths));
  for (const id of ["column", "second-column"]) $(id).replaceChildren(...found.heading.map((name, i) => make("option", name || `${i + 1}`, { value: i })));
  $("column").value = guess;
  $("second-column").value = (guess + 1) % width;
  $("table").hidden = false;
  showFile();
}

function showFile() {
  const { name, heading, rows, labelled } = file, shown = labelled || file;
  $("label-rows").textContent = t("labelRows", number(rows.length));
  if (!labelled) $("file-status").textContent = t("rows", name, number(rows.length));
  $("download").hidden = !labelled;
  const kind = (i) => ({ className: i >= heading.length ? "new" : "" });
  const short = (value) => (value.length > 160 ? `${value.slice(0, 160)} …` : value);
  const body = shown.rows.slice(0, SHOWN_ROWS).map((row) => make("tr", row.map((value, i) => make("td", short(value), kind(i)))));
  $("preview").replaceChildren(make("thead", make("tr", shown.heading.map((value, i) => make("th", value, { scope: "col", ...kind(i) })))), make("tbody", body));
}

function lock(on) {
  for (const id of ["model", "file", "column", "second-column", "label-rows"]) $(id).disabled = on;
}

async function part(from, to, job) {
  const inputs = job.file.rows.slice(from, to).map((row) => given(row[job.column], row[job.second], job.model));
  for (let attempt = 0; ; attempt += 1) {
    try {
      return keep(from, await ask(inputs, "predict", job.model), job);
    } catch (refused) {
      const unfit = [413, 422].includes(refused.status), late = refused.status === 504;
      if (stop) throw refused;
      if ((unfit || late) && inputs.length > 1) {
        const middle = (from + to) >> 1;
        await part(from, middle, job);
        return part(middle, to, job);
      }
      if (unfit) return keep(from, [{ error: refused.message }], job);
      if (!(late || [0, 429, 503].includes(refused.status)) || attempt === ATTEMPTS) throw refused;
      $("file-status").textContent = refused.status ? t("wait") : t("lost");
      await new Promise((done) => setTimeout(done, 1000 * refused.wait));
    }
  }
}

function keep(from, found, job) {
  found.forEach((answer, i) => { job.answers[from + i] = answer; });
  job.done += found.length;
  $("progress").value = job.done;
  $("file-status").textContent = t("working", number(job.done), number(job.file.rows.length));
}

async function labelRows() {
  const many = file.rows.length, begun = performance.now();
  const job = { file, model, column: $("column").value, second: $("second-column").value, answers: new Array(many), done: 0 };
  let next = 0;
  stop = false;
  file.labelled = null;
  showFile();
  $("error").hidden = true;
  $("cancel").hidden = $("progress").hidden = false;
  lock(true);
  $("progress").max = many;
  $("progress").value = 0;
  const worker = async () => {
    while (next < many && !stop) {
      const from = next;
      next = Math.min(from + ROWS_AT_ONCE, many);
      await part(from, next, job);
    }
  };
  const giveUp = (refused) => { if (!stop) fail(refused); stop = true; }; // what is done by then is offered
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => worker().catch(giveUp)));
  $("cancel").hidden = $("progress").hidden = true;
  lock(false);
  if (job.done) offer(job);
  const wrong = job.answers.filter((a) => a.error).length, seconds = number((performance.now() - begun) / 1000, 1);
  const said = job.done < many ? t("stopped", number(job.done)) : t("done", number(many), seconds);
  $("file-status").textContent = said + (wrong ? ` ${t("failed", number(wrong))}` : "");
}

function offer({ file, answers }) {
  const { name, separator, heading, rows } = file;
  const wrong = answers.some((a) => a.error), scored = answers.some((a) => a.score !== undefined);
  const added = [t("prediction"), ...(scored ? [t("confidence")] : []), ...(wrong ? [t("error")] : [])];
  const told = (a) => {
    if (!a) return added.map(() => "");
    const value = a.spans ? JSON.stringify(a.spans) : Array.isArray(a.label) ? JSON.stringify(a.label) : String(a.label ?? "");
    return [value, ...(scored ? [a.score === undefined ? "" : a.score.toFixed(4)] : []), ...(wrong ? [a.error || ""] : [])];
  };
  file.labelled = { separator, heading: [...heading, ...added], rows: rows.map((row, i) => [...row, ...told(answers[i])]) };
  URL.revokeObjectURL($("download").href);
  $("download").href = URL.createObjectURL(new Blob(["\ufeff", write(file.labelled)], { type: "text/csv" }));
  $("download").download = name.replace(/(\.\w+)?$/, "-labelled.csv");
  showFile();
}

/* Wiring */

$("ask").addEventListener("submit", submit);
for (const id of ["text", "pair"]) {
  $(id).addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("ask").requestSubmit(); });
}
$("model").addEventListener("change", () => choose($("model").value));
$("why").addEventListener("click", explain);
$("language").addEventListener("click", () => { language = language === "de" ? "en" : "de"; say(); });
$("key-form").addEventListener("submit", (event) => { event.preventDefault(); key = $("key").value; begin(); });
$("file").addEventListener("change", () => open($("file").files[0]));
$("label-rows").addEventListener("click", labelRows);
$("cancel").addEventListener("click", () => { stop = true; });
for (const id of ["column", "second-column", "model"]) $(id).addEventListener("change", () => { if (file) { file.labelled = null; showFile(); } });
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover" && !$("file").disabled);
    if (kind === "drop") open(event.dataTransfer.files[0]);
  });
}
say();
begin();
