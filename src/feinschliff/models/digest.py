"""Tell pretrained weights apart by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK_BYTES = 1 << 20


def weights_digest(folder: Path) -> str:
    """Return a digest of a model folder's weights and configuration, whatever the folder's name.

    A checkpoint holds only what is trained: with LoRA or frozen layers most of a network comes from here.
    Cost: one reading of the files, about a second a gigabyte.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("*.safetensors"))]:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()
