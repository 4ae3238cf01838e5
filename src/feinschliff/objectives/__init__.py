"""One file per objective: what a model can learn from raw text without labels.

An objective is a module with

- `TITLE`: what people call it;
- `UNIT`: `block`, what it learns from (see `encode/blocks.py`);
- `load(folder, tokenizer, dropout, seed) -> (network, head_is_new)`: the pretrained model with what the
  objective needs on top of it, and whether that has to be warmed up;
- `learner(parts) -> Learner`: made of what `_parts.py` lists; its `forward(batch)` gives float32 [R], the
  loss of each record, with randomness from torch's own generator;
- `vocabulary(network, ids)`: a context in which the network holds only those rows of its embeddings;
- `PERPLEXITY`: whether its losses are those of tokens, so that their exponential is a perplexity;
- `measure(learner, encoded, seed) -> (float64 [N], float64 [N])`: for each document the sum of its
  losses, and how many there were; the same for the same seed.
"""
