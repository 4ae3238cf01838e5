"""A tokenizer without transformers: the one in `tokenizer.json`, called the way `tokenise` calls it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feinschliff.errors import MissingExtraError, ModelError


class FastTokenizer:
    """The part of transformers' fast tokenizers that reading needs, on the package `tokenizers` alone.

    Args:
        file: `tokenizer.json`.
        pad_token_id: Token id of padding.
        model_input_names: What the model reads; `token_type_ids` are made only for models that do.

    Raises:
        ModelError: the file is missing or damaged.
    """

    is_fast = True

    def __init__(self, file: Path, pad_token_id: int, model_input_names: Sequence[str]):
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise MissingExtraError("running an exported model", "onnx") from None
        try:
            self.backend_tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # noqa: BLE001  (the Rust package raises plain Exception)
            raise ModelError(f"cannot be read: {error}", where=str(file)) from None
        self.backend_tokenizer.no_padding()
        self.pad_token_id, self.model_input_names = pad_token_id, list(model_input_names)
        self._one_at_a_time = threading.Lock()

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Return how many tokens are added around a text, or a pair of texts."""
        return self.backend_tokenizer.num_special_tokens_to_add(pair)

    def __call__(
        self,
        texts: str | Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        truncation: bool | str = False,
        max_length: int | None = None,
        stride: int = 0,
        add_special_tokens: bool = True,
        return_overflowing_tokens: bool = False,
        return_offsets_mapping: bool = False,
        return_token_type_ids: bool = False,
        return_attention_mask: bool = False,
        verbose: bool = True,
    ) -> dict[str, list[Any]]:
        """Tokenise texts, or pairs of texts; the options and the answer are those of transformers.

        A single string gives one list of each kind instead of a list of lists.
        """
        assert not return_attention_mask, "masks are made when windows are padded"
        one = isinstance(texts, str)
        given: list[Any] = [texts] if isinstance(texts, str) else list(texts)
        if pairs is not None:
            given = list(zip(given, pairs, strict=True))
        backend = self.backend_tokenizer
        encode = backend.encode_batch if return_offsets_mapping else backend.encode_batch_fast
        with self._one_at_a_time:
            if truncation and max_length is not None:
                backend.enable_truncation(max_length, stride=stride, strategy="longest_first")
            else:
                backend.no_truncation()
            found = encode(given, add_special_tokens=add_special_tokens)
        windows, owners = [], []
        for owner, first in enumerate(found):
            more = [first, *first.overflowing] if return_overflowing_tokens else [first]
            windows += more
            owners += [owner] * len(more)
        columns: dict[str, list[Any]] = {"input_ids": [w.ids for w in windows]}
        if return_token_type_ids:
            columns["token_type_ids"] = [w.type_ids for w in windows]
        if return_offsets_mapping:
            columns["offset_mapping"] = [w.offsets for w in windows]
        if one:
            return {name: rows[0] for name, rows in columns.items()}
        if return_overflowing_tokens:
            columns["overflow_to_sample_mapping"] = owners
        return columns
