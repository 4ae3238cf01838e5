"""One file per target: a model goes in, a folder that runs elsewhere comes out.

A target is a module with `PRECISIONS` and `export(model, folder, precision, texts, recheck=)`, which writes a
folder that `feinschliff.load` can read. `_gate.check` then holds its answers against the original's.
"""
