"""General texts, by which forgetting is watched: the user's, or a small sample that is packaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from feinschliff.adapt.corpus import texts_of
from feinschliff.config import RunConfig
from feinschliff.data.audit.languages import language
from feinschliff.errors import ConfigError

NONE = "none"
PACKAGED = {"English": "en", "German": "de"}
MEASURED = 200
"""General texts measured at most."""


def general_texts(config: RunConfig, domain: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the general texts to measure, and those to mix in.

    Args:
        config: `adapt.general` names the source; without it the packaged sample in the domain's language.
        domain: Documents of the domain.

    Raises:
        ConfigError: texts are to be mixed in, and none are named.
    """
    source, share = config.adapt.general, config.adapt.mix_share
    if share and source in (None, NONE):
        raise ConfigError(
            "there are no general texts to mix in", where="adapt.mix_share", hint="Name them: --general FILE"
        )
    if source == NONE:
        return [], []
    if source is None:
        return _packaged(domain), []
    texts = texts_of(source, config)
    order = np.random.default_rng([config.seed, len(texts)]).permutation(len(texts))
    number = min(MEASURED, len(texts) // 2 if share else len(texts))
    return [texts[i] for i in sorted(order[:number])], [texts[i] for i in order[number:]] if share else []


def mixed(domain: Sequence[str], general: Sequence[str], share: float, seed: int) -> list[str]:
    """Return domain documents with general texts among them, these a share of all characters.

    General texts are repeated where there are too few.
    """
    if not general or not share:
        return list(domain)
    wanted = share / (1 - share) * sum(map(len, domain))
    rng, added, length = np.random.default_rng([seed, len(general)]), [], 0
    while length < wanted:
        for i in rng.permutation(len(general)):
            added.append(general[i])
            length += len(general[i])
            if length >= wanted:
                break
    both = [*domain, *added]
    return [both[i] for i in rng.permutation(len(both))]


def _packaged(domain: Sequence[str]) -> list[str]:
    seen = Counter(language(text[:1000]) for text in domain[:200])
    name = PACKAGED.get(seen.most_common(1)[0][0] or "")
    if name is None:
        return []
    text = (files("feinschliff.adapt") / "samples" / f"{name}.txt").read_text(encoding="utf-8")
    return [part.strip() for part in text.split("\n\n") if part.strip()]
