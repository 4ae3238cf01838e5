"""Lay the rows of all sources side by side, and find out which hold the same text or nearly so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feinschliff.data.audit._found import TRAIN, Pool, Texts
from feinschliff.data.dataset import Columns, Records
from feinschliff.data.near import near_duplicates
from feinschliff.data.normalise import Normal, content_keys
from feinschliff.readers import Table


def build(tables: dict[int, Table], normals: dict[int, Normal], columns: Columns) -> Pool:
    """Lay the rows of all sources one after the other."""
    shared = set.intersection(*(set(n.records.table.column_names) for n in normals.values()))
    names = [n for n in normals[TRAIN].records.table.column_names if n in shared]
    table = pa.concat_tables([n.records.table.select(names) for n in normals.values()])
    records = Records(table.combine_chunks() if len(normals) > 1 else table)
    source = np.concatenate([np.full(len(n.records), s, dtype=np.int8) for s, n in normals.items()])
    offsets = np.cumsum([0, *(len(n.records) for n in normals.values())])[:-1]
    texts = compare(records)
    return Pool(
        columns=columns,
        records=records,
        source=source,
        split=source.copy(),
        empty=np.concatenate([n.empty for n in normals.values()]),
        unlabelled=np.concatenate([n.unlabelled for n in normals.values()]),
        from_numbers=np.concatenate(
            [n.from_numbers + o for n, o in zip(normals.values(), offsets, strict=True)]
        ),
        texts=texts,
        tables=tables,
    )


def compare(records: Records) -> Texts:
    """Find out which rows hold the same text, or nearly the same."""
    encoded = content_keys(records).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)  # so that the order of rows changes nothing
    cluster, bags = near_duplicates(encoded.dictionary.take(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    number = rank[encoded.indices.to_numpy()]
    row = np.full(len(order), len(number), dtype=np.int64)
    np.minimum.at(row, number, np.arange(len(number)))
    return Texts(number, row, cluster, bags)
