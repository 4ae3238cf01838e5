"""One file per target: a model goes in, a folder that runs elsewhere comes out.

A target is a module with `PRECISIONS` and `export(model, folder, precision, texts)`, which writes a folder
that `feinschliff.load` can read. One that can keep float32 for what int8 could change (`export --recheck`)
takes a keyword `recheck`, too. `_gate.check` then holds its answers against the original's.
"""
