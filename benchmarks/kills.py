"""Kill -9 a real run at random moments and go on each time: the result must be the same to the bit.

    python benchmarks/kills.py DATA [--kills 20] [--seed 0] [--set section.key=value ...]

One run goes through; another is killed after times drawn evenly from 0 to the length of the first, so that
some kills fall into reading, some into training and into checkpoints, which are written at every step here,
and some into the report. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMPARED = ("model/model.safetensors", "predictions/test.jsonl")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    overrides = ["train.checkpoint_minutes=0.0001", *options.set]
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        begin = [options.data, *(part for each in overrides for part in ("--set", each))]
        begun = time.monotonic()
        subprocess.run(command(*begin, "-o", folder / "whole"), check=True, capture_output=True)
        whole_seconds = time.monotonic() - begun
        moments, killed, same = random.Random(options.seed), [], []
        run = folder / "killed"
        while len(killed) < options.kills:
            moment = moments.uniform(0, whole_seconds)
            code, said = attempt(run, begin, moment)
            if code not in (0, -signal.SIGKILL):
                print(said, file=sys.stderr)
                return 1
            if code:
                checkpoints = sorted(p.name for p in run.glob("checkpoints/*"))
                killed.append({"seconds": round(moment, 2), "checkpoints": checkpoints})
            if (run / "result.json").is_file():  # complete: begin another
                same.append(equal(folder / "whole", run))
                shutil.rmtree(run)
        code, said = attempt(run, begin, None)
        same.append(code == 0 and equal(folder / "whole", run))
    found = {"data": options.data, "settings": overrides, "whole_seconds": round(whole_seconds, 1)}
    unfinished = sum(any(n.startswith(".") for n in k["checkpoints"]) for k in killed)
    found |= {"kills": killed, "while_a_checkpoint_was_written": unfinished}
    found |= {"completed": len(same), "same_bits": all(same)}
    print(json.dumps(found, indent=1))
    return 0 if all(same) else 1


def equal(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in COMPARED)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "feinschliff", "train", *map(str, arguments)]


def attempt(run: Path, begin: list[str], moment: float | None) -> tuple[int, str]:
    """Begin the run, or go on with it, and kill it after that many seconds, if any."""
    going_on = (run / "config.yaml").is_file()
    arguments = command("--resume", run) if going_on else command(*begin, "-o", run)
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, said = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
    return process.returncode, said


if __name__ == "__main__":
    sys.exit(main())
