"""Every window is used exactly once, batches keep to their budget, and padding loses nothing."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feinschliff.encode import Encoded, collate, plan_epoch, plan_inference
from feinschliff.encode.batches import padded

PAD = 99


def encoded_of(lengths: list[list[int]], types: bool = False) -> Encoded:
    """Make up records with windows of the given lengths."""
    flat = [n for windows in lengths for n in windows]
    total = sum(flat)
    return Encoded(
        input_ids=np.arange(total, dtype=np.int32),
        starts=np.concatenate([[0], np.cumsum(flat)]).astype(np.int64),
        record=np.repeat(np.arange(len(lengths)), [len(w) for w in lengths]).astype(np.int32),
        num_records=len(lengths),
        token_type_ids=(np.arange(total) % 2).astype(np.int8) if types else None,
        offsets=None,
        full_lengths=np.array([sum(w) for w in lengths], np.int32),
        limit=64,
        cut=0,
    )


records = st.lists(st.lists(st.integers(1, 64), min_size=1, max_size=6), min_size=1, max_size=60)


@given(
    lengths=records,
    batch_size=st.integers(1, 20),
    budget=st.integers(64, 600),
    max_windows=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_an_epoch_uses_every_record_once(lengths, batch_size, budget, max_windows, seed):
    encoded = encoded_of(lengths)
    plan = plan_epoch(encoded, batch_size, budget, max_windows, np.random.default_rng(seed))
    assert len(plan) == -(-len(lengths) // batch_size)
    assert all(sum(len(records) for records, _ in step) <= batch_size for step in plan)
    micro_batches = [micro for step in plan for micro in step]
    assert sorted(np.concatenate([r for r, _ in micro_batches])) == list(range(len(lengths)))
    windows = np.concatenate([w for _, w in micro_batches])
    assert len(windows) == len(set(windows)) == sum(min(len(w), max_windows) for w in lengths)
    for members, chosen in micro_batches:
        assert list(dict.fromkeys(encoded.record[chosen])) == list(members)
        assert all((np.diff(chosen[encoded.record[chosen] == m]) > 0).all() for m in members)
        assert len(chosen) * encoded.lengths[chosen].max() <= budget or len(members) == 1


def test_the_plan_depends_on_the_seed_alone():
    encoded = encoded_of([[n % 9 + 1] for n in range(100)])
    plans = [plan_epoch(encoded, 8, 64, 1, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    flat = [[r.tolist() for step in plan for r, _ in step] for plan in plans]
    assert flat[0] == flat[1] != flat[2]


def test_texts_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).integers(1, 65, 2000)
    encoded = encoded_of([[int(n)] for n in lengths])
    plan = plan_epoch(encoded, 16, 4096, 1, np.random.default_rng(0))
    computed = sum(len(w) * padded(lengths[w].max(), encoded.limit) for step in plan for _, w in step)
    assert lengths.sum() / computed > 0.9


def test_batches_have_few_shapes():
    lengths = np.random.default_rng(0).integers(1, 513, 3000)
    encoded = replace(encoded_of([[int(n)] for n in lengths]), limit=512)
    plan = plan_epoch(encoded, 32, 4096, 1, np.random.default_rng(0))
    shapes = {collate(encoded, w, PAD).input_ids.shape for step in plan for _, w in step}
    assert len({length for _, length in shapes}) <= 48
    assert {count % 4 for count, _ in shapes if count > 4} <= {0}


@given(length=st.integers(1, 2000), limit=st.integers(1, 2000))
def test_padding_is_small_and_never_beyond_the_limit(length, limit):
    length = min(length, limit)
    assert length <= padded(length, limit) <= min(limit, length + max(3, length // 8))


@given(lengths=records, budget=st.integers(1, 600), overhead=st.sampled_from([0, 1, 20, 300]))
def test_inference_uses_every_window_once(lengths, budget, overhead):
    encoded = encoded_of(lengths)
    batches = plan_inference(encoded, budget, overhead)
    assert sorted(np.concatenate(batches)) == list(range(encoded.num_windows))
    for windows in batches:
        assert (
            len(windows) * padded(encoded.lengths[windows].max(), encoded.limit) <= budget
            or len(windows) == 1
        )


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=9), overhead=st.integers(1, 60))
def test_no_other_cuts_are_cheaper(lengths, overhead):
    encoded, ordered = encoded_of([[n] for n in lengths]), sorted(lengths)

    def cost(batches):
        return sum(len(batch) * padded(max(batch), 64) + overhead for batch in batches)

    def every(rest):
        for end in range(1, len(rest) + 1):
            yield from ([rest[:end], *others] for others in (every(rest[end:]) if rest[end:] else [[]]))

    planned = [encoded.lengths[windows].tolist() for windows in plan_inference(encoded, 10_000, overhead)]
    assert cost(planned) == min(cost(batches) for batches in every(ordered))


@given(lengths=records, data=st.data(), types=st.booleans())
def test_collate_pads_and_nothing_else(lengths, data, types):
    encoded = encoded_of(lengths, types)
    every = st.sampled_from(range(encoded.num_windows))
    windows = np.array(data.draw(st.lists(every, min_size=1, unique=True)))
    batch = collate(encoded, windows, PAD)
    assert batch.num_tokens == encoded.lengths[windows].sum()
    assert batch.input_ids.shape[1] == padded(encoded.lengths[windows].max(), encoded.limit)
    for row, window in enumerate(windows):
        begin, end = encoded.starts[window], encoded.starts[window + 1]
        size = end - begin
        assert list(batch.input_ids[row, :size]) == list(range(begin, end))
        assert (batch.input_ids[row, size:] == PAD).all()
        assert batch.attention_mask[row].tolist() == [1] * size + [0] * (len(batch.input_ids[row]) - size)
        assert batch.records[batch.window_record[row]] == encoded.record[window]
        if types:
            assert list(batch.token_type_ids[row, :size]) == [i % 2 for i in range(begin, end)]
    assert (batch.token_type_ids is not None) == types


def test_collate_keeps_the_order_of_records_it_is_given():
    encoded = encoded_of([[2], [3], [1, 4]])
    batch = collate(encoded, np.array([2, 3, 0]), PAD, records=np.array([2, 0]))
    assert batch.records.tolist() == [2, 0]
    assert batch.window_record.tolist() == [0, 0, 1]
