"""The settings chosen when none are given."""

from feinschliff.config import TrainConfig
from feinschliff.train.defaults import left_open, resolve

SMALL, BASE = 10_000_000, 86_000_000


def test_what_is_given_stays():
    given = TrainConfig(
        learning_rate=1e-5,
        head_learning_rate=2e-5,
        epochs=0.5,
        batch_size=7,
        micro_batch_tokens=640,
        layer_decay=0.5,
        dropout=0.3,
    )
    assert resolve(given, SMALL, 100, 2) == given


def test_everything_is_chosen():
    chosen = resolve(TrainConfig(), BASE, 5000, 2).model_dump()
    assert not [name for name, value in chosen.items() if value is None]


def test_what_was_chosen_counts_as_left_open():
    whole, part = (SMALL, 5000, 2, "text"), (SMALL, 200, 2, "text")
    for given in (TrainConfig(), TrainConfig(epochs=7), TrainConfig(learning_rate=3e-3, batch_size=8)):
        asked = left_open(resolve(given, *whole), *whole)
        assert resolve(asked, *part) == resolve(given, *part)
    assert resolve(TrainConfig(), *part) != resolve(TrainConfig(), *whole)


def test_small_encoders_learn_faster_than_base_ones():
    small, base = (resolve(TrainConfig(), size, 5000, 2) for size in (SMALL, BASE))
    assert small.learning_rate > base.learning_rate
    assert base.layer_decay < small.layer_decay == 1.0


def test_the_new_head_learns_faster_than_any_backbone():
    assert all(resolve(TrainConfig(), size, 500, 77).head_learning_rate == 1e-3 for size in (SMALL, BASE))


def test_adapters_learn_faster_than_the_weights_they_stand_for_but_slower_of_words():
    for size in (SMALL, BASE):
        lora, full = (resolve(TrainConfig(method=how), size, 500, 2) for how in ("lora", "full"))
        assert lora.learning_rate > full.learning_rate
    text, token = (
        resolve(TrainConfig(method="lora"), SMALL, 500, 2, unit).learning_rate for unit in ("text", "token")
    )
    assert text > token


def test_little_data_and_many_classes_get_more_passes_within_bounds():
    epochs = [resolve(TrainConfig(), SMALL, n, 2).epochs for n in (10, 100, 600, 100_000)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] == 20
    assert epochs[-1] == 3
    assert resolve(TrainConfig(), SMALL, 600, 77).epochs > resolve(TrainConfig(), SMALL, 600, 2).epochs


def test_small_encoders_change_less_for_few_labels_and_for_tokens_than_for_many():
    few, many = (resolve(TrainConfig(), SMALL, 5000, n).learning_rate for n in (2, 77))
    tokens = [resolve(TrainConfig(), SMALL, 5000, n, "token") for n in (2, 77)]
    assert few == tokens[0].learning_rate == tokens[1].learning_rate < many
    assert tokens[0].batch_size < resolve(TrainConfig(), SMALL, 5000, 2).batch_size


def test_tokens_get_more_passes_than_texts():
    texts, tokens = (resolve(TrainConfig(), SMALL, 3000, 6, unit).epochs for unit in ("text", "token"))
    assert tokens > texts
    assert resolve(TrainConfig(), SMALL, 1_000_000, 6, "token").epochs == 3


def test_words_are_labelled_with_dropout_and_texts_without():
    chosen = {unit: resolve(TrainConfig(), SMALL, 3000, 6, unit).dropout for unit in ("text", "token")}
    assert chosen == {"text": 0.0, "token": 0.1}
    assert resolve(TrainConfig(dropout=0), SMALL, 3000, 6, "token").dropout == 0


def test_larger_models_compute_fewer_tokens_at_once_within_bounds():
    sizes = (1_000_000, SMALL, 21_000_000, BASE, 10**10)
    tokens = [resolve(TrainConfig(device="cpu"), size, 5000, 2).micro_batch_tokens for size in sizes]
    assert tokens == sorted(tokens, reverse=True)
    assert (tokens[0], tokens[-1]) == (4096, 1024)
    assert tokens[2] < tokens[1]
