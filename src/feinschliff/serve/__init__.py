"""Answer over HTTP what a tuned model answers in Python.

| stage | takes | returns | where |
|---|---|---|---|
| listen | bytes | requests, none too slow or too long | `connection.py`, `guard.py` |
| understand | JSON | `Query` | `query.py`, `hugging_face.py`, `open_inference.py` |
| wait | `Query` | batches of texts, in turn | `batching.py` |
| compute | a batch | `Prediction`s | `engine.py` |
| choose | a name | the model, in its newest version | `shelf.py` |

`app.py` puts them together; `server.py` runs it until it is told to stop.
"""
