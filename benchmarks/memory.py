"""Peak resident memory of whole training processes, side by side with transformers' `Trainer`.

    python benchmarks/memory.py --models minilm,base --data rotten --rows 200,1000
    python benchmarks/memory.py --models FOLDER --data ler_de --systems feinschliff,trainer_best

Each system trains for one pass on the same rows with the same batch size, in a process of its own that begins
with nothing imported. `base` is an encoder of BERT-base's shape with random weights, since memory does not
depend on what they are; other names are models of `feinschliff models`, or folders.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

from _peers import SYSTEMS, measure

SHAPES = {"base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}}


def main() -> None:
    """Train every system in every setting, append JSON lines, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="minilm,base")
    parser.add_argument("--data", default="rotten")
    parser.add_argument("--rows", default="1000")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("memory.jsonl"))
    options = parser.parse_args()
    systems, found = options.systems.split(","), []
    settings = itertools.product(options.models.split(","), options.data.split(","), options.rows.split(","))
    with tempfile.TemporaryDirectory() as made:
        for model, data, rows in settings:
            folder = _random(model, Path(made)) if model in SHAPES else model
            row: dict[str, Any] = {"model": Path(model).name, "data": data, "rows": int(rows)}
            for system in systems:
                trained = measure(system, data, int(rows), 1, 0, folder, options.batch_size)
                row[system] = trained["peak_memory_gib"]
            found.append(row)
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)
    print(_table(found, systems))


def _random(name: str, root: Path) -> str:
    """Return the folder of an encoder with random weights and MiniLM's tokenizer."""
    import transformers

    from feinschliff.models.load import load_tokenizer
    from feinschliff.models.locate import locate

    folder = root / name
    if not folder.exists():
        tokenizer, sizes = load_tokenizer(locate("minilm")), SHAPES[name]
        config = transformers.BertConfig(
            vocab_size=len(tokenizer), intermediate_size=4 * sizes["hidden_size"], **sizes
        )
        transformers.BertModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)


def _table(found: list[dict[str, Any]], systems: list[str]) -> str:
    others = [system for system in systems if system != "feinschliff"]
    head = ["model", "data", "texts", *(f"{SYSTEMS[system]}, GiB" for system in systems)]
    head += [f"share of {SYSTEMS[system]}" for system in others if "feinschliff" in systems]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in found:
        cells = [row["model"], row["data"], f"{row['rows']:,}"]
        cells += [f"{row[system]:.2f}" for system in systems]
        cells += [f"{row['feinschliff'] / row[s]:.0%}" for s in others if "feinschliff" in systems]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
