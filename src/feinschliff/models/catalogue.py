"""Base models worth starting from, with the facts a person chooses by.

Sizes, lengths and licences are those of the models' own cards and configurations. The list is advice, not a
gate: any encoder of the hub or of a folder can be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee
el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is
it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms
mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk
sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi
yo za zh zu
"""
LANGUAGES = frozenset(_CODES.split())
"""Codes of languages.

Source: ISO 639-1.
"""


@dataclass(frozen=True)
class Entry:
    """One base model.

    Attributes:
        name: What a person types after `--model`: the short name of a packaged model, otherwise the hub id.
        source: The model's hub id, also of a packaged one.
        title: What people call it.
        languages: ISO codes, or one phrase for many.
        parameters: Number of weights, embeddings included.
        licence: SPDX id.
        max_length_tokens: Positions the model has; longer texts are read in windows.
        kind: `packaged` (comes with a Python package, works offline) or `hub`.
        note: When to take it.
    """

    name: str
    source: str
    title: str
    languages: tuple[str, ...]
    parameters: int
    licence: str
    max_length_tokens: int
    kind: Literal["packaged", "hub"]
    note: str


def _hub(
    source: str, title: str, languages: str, millions: int, licence: str, length: int, note: str
) -> Entry:
    codes = tuple(languages.split())
    return Entry(source, source, title, codes, millions * 1_000_000, licence, length, "hub", note)


_EUROPEAN = "ar de en es fr hi it ja nl pl pt ru tr vi zh"
_PICKLE = "no safetensors on its main branch: convert them first"

CATALOGUE: tuple[Entry, ...] = (
    Entry(
        "minilm",
        "sentence-transformers/all-MiniLM-L6-v2",
        "all-MiniLM-L6-v2",
        ("en",),
        22_713_216,
        "Apache-2.0",
        512,
        "packaged",
        "the default: trains in minutes on a laptop, no network needed",
    ),
    # English
    _hub("jhu-clsp/ettin-encoder-17m", "Ettin 17M", "en", 17, "MIT", 7999, "smallest, long texts"),
    _hub("jhu-clsp/ettin-encoder-32m", "Ettin 32M", "en", 32, "MIT", 7999, "small, long texts"),
    _hub("jhu-clsp/ettin-encoder-68m", "Ettin 68M", "en", 68, "MIT", 7999, "between small and base"),
    _hub("jhu-clsp/ettin-encoder-150m", "Ettin 150M", "en", 150, "MIT", 7999, "base, long texts"),
    _hub("jhu-clsp/ettin-encoder-400m", "Ettin 400M", "en", 400, "MIT", 7999, "large, wants a GPU"),
    _hub("distilbert/distilbert-base-uncased", "DistilBERT", "en", 66, "Apache-2.0", 512, "fast base model"),
    _hub("FacebookAI/roberta-base", "RoBERTa base", "en", 125, "MIT", 512, "proven all-rounder"),
    _hub(
        "answerdotai/ModernBERT-base",
        "ModernBERT base",
        "en",
        149,
        "Apache-2.0",
        8192,
        "long texts, fast on GPUs",
    ),
    _hub(
        "answerdotai/ModernBERT-large", "ModernBERT large", "en", 395, "Apache-2.0", 8192, "best with a GPU"
    ),
    _hub(
        "microsoft/deberta-v3-small",
        "DeBERTa v3 small",
        "en",
        142,
        "MIT",
        512,
        f"strong for its depth; {_PICKLE}",
    ),
    _hub("microsoft/deberta-v3-base", "DeBERTa v3 base", "en", 184, "MIT", 512, f"strong, slow; {_PICKLE}"),
    _hub(
        "microsoft/deberta-v3-large",
        "DeBERTa v3 large",
        "en",
        435,
        "MIT",
        512,
        f"strongest, slowest; {_PICKLE}",
    ),
    # German
    _hub(
        "google-bert/bert-base-german-cased",
        "German BERT",
        "de",
        109,
        "MIT",
        512,
        "German all-rounder, knows law",
    ),
    _hub("deepset/gbert-base", "GBERT base", "de", 110, "MIT", 512, "German, good first choice"),
    _hub("deepset/gbert-large", "GBERT large", "de", 337, "MIT", 512, "German, wants a GPU"),
    _hub("deepset/gelectra-base", "GELECTRA base", "de", 110, "MIT", 512, "German, ELECTRA training"),
    _hub("deepset/gelectra-large", "GELECTRA large", "de", 335, "MIT", 512, "German, wants a GPU"),
    # many languages
    _hub(
        "intfloat/multilingual-e5-small",
        "multilingual E5 small",
        "94 languages",
        118,
        "MIT",
        512,
        "small, German too",
    ),
    _hub(
        "intfloat/multilingual-e5-base",
        "multilingual E5 base",
        "94 languages",
        278,
        "MIT",
        512,
        "base, German too",
    ),
    _hub(
        "FacebookAI/xlm-roberta-base",
        "XLM-RoBERTa base",
        "100 languages",
        278,
        "MIT",
        512,
        "proven all-rounder",
    ),
    _hub("jhu-clsp/mmBERT-small", "mmBERT small", "1833 languages", 140, "MIT", 8192, "modern, long texts"),
    _hub("jhu-clsp/mmBERT-base", "mmBERT base", "1833 languages", 307, "MIT", 8192, "modern, long texts"),
    _hub(
        "EuroBERT/EuroBERT-210m",
        "EuroBERT 210M",
        _EUROPEAN,
        212,
        "Apache-2.0",
        8192,
        "European languages, long texts",
    ),
    # law
    _hub(
        "nlpaueb/legal-bert-small-uncased",
        "LEGAL-BERT small",
        "en",
        35,
        "CC-BY-SA-4.0",
        512,
        "English law, small",
    ),
    _hub("nlpaueb/legal-bert-base-uncased", "LEGAL-BERT base", "en", 110, "CC-BY-SA-4.0", 512, "English law"),
    _hub(
        "joelniklaus/legal-xlm-roberta-base",
        "Legal XLM-R base",
        "24 languages",
        184,
        "CC-BY-SA-4.0",
        512,
        "law of the EU's languages",
    ),
)
"""Packaged models first, then by language and size."""
