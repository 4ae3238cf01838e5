"""One file per task: targets, head, loss, decoding, metrics.

A task is a module with these names:

- `TITLE`, `PIPELINE_TAG`: for people, for the Hub.
- `KIND`: what its targets and answers look like (`data.Kind`). Reading, splitting, metrics, decision rules,
  baselines, report and server go by the kind, so that they need not know the task.
- `AUTO_CLASS`: the transformers class whose head it trains.
- `UNIT`: `text` (one vector of logits per record, whatever its windows) or `token`.
- `head(labels) -> dict`: changes to the model configuration.
- `targets(records, labels, encoded) -> ndarray`: one row per record, or per token for `token` tasks.
- `notes(records, targets, encoded, labels) -> list of str`: what the user should know about the targets.
- `begin(output, targets, vectors) -> finish`: changes to the output layer while it trains; `finish()` settles
  them. `vectors()` gives what the layer reads of some texts of train, [n, H], for `text` tasks.
- `objective(targets, num_labels, settings) -> (logits, targets) -> Tensor`: the sum of losses over records
  (or labelled tokens), as `settings` (a `TrainConfig`) asks for; the targets are those of train.
- `decision(logits, targets, encoded, labels) -> dict`: decision rules fitted on dev, stored with the model.
- `by_sums(logits, encoded) -> ndarray`, `token` tasks only: the records in which decoding takes other labels
  than the most probable of each token.
- `decode(logits, encoded, labels, texts, decision) -> Predictions`.
"""
