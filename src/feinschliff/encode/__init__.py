"""From texts to padded batches: tokenise, cut long texts into windows, group windows of like length."""

from feinschliff.encode.batches import Batch, collate, plan_epoch, plan_inference
from feinschliff.encode.inference import mean_of_windows, window_logits
from feinschliff.encode.reading import Reading
from feinschliff.encode.tokenise import LINE_BREAK, Encoded, is_separated, tokenise
from feinschliff.encode.tokens import tokens_of
from feinschliff.encode.words import num_expressed, word_spans

__all__ = [
    "LINE_BREAK",
    "Batch",
    "Encoded",
    "Reading",
    "collate",
    "is_separated",
    "mean_of_windows",
    "num_expressed",
    "plan_epoch",
    "plan_inference",
    "tokenise",
    "tokens_of",
    "window_logits",
    "word_spans",
]
