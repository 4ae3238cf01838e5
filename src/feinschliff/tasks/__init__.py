"""One file per task: targets, head, loss, decoding, metrics.

A task is a module with these names:

- `TITLE`, `PRIMARY_METRIC`, `PIPELINE_TAG`: for people, for choosing the best weights, for the model card.
- `AUTO_CLASS`: the transformers class whose head it trains.
- `UNIT`: `text` (one vector of logits per window, windows of a record are averaged) or `token`.
- `head(labels) -> dict`: changes to the model configuration.
- `targets(records, labels, encoded) -> ndarray`: one row per record, or per token for `token` tasks.
- `loss(logits, targets, weights, smoothing) -> Tensor`: the sum over records (or labelled tokens).
- `class_counts(targets, num_labels) -> ndarray`: how often each class occurs, for class weights.
- `decode(logits, encoded, labels, texts, decision) -> Predictions`.
- `decision(logits, targets, labels) -> dict`: decision rules fitted on dev, stored with the model.
"""
