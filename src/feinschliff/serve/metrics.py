"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from feinschliff.bundle import Prediction
from feinschliff.serve.shelf import Served

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters and histograms of one server.

    Args:
        queued: Gives the number of texts that wait.
        models: Gives the models that are served.
    """

    def __init__(self, queued: Callable[[], int], models: Callable[[], Sequence[Served]]):
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.models = models
        self.requests = Counter(
            "feinschliff_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "feinschliff_request_seconds",
            "From a request's headers to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter("feinschliff_texts", "Texts answered.", ["model"], registry=registry)
        self.labels = Counter(
            "feinschliff_predicted",
            "Labels, or entities by type, given.",
            ["model", "label"],
            registry=registry,
        )
        self.unanswered = Counter(
            "feinschliff_unanswered",
            "Texts the model was not sure enough about.",
            ["model"],
            registry=registry,
        )
        self.batch_texts = Histogram(
            "feinschliff_batch_texts", "Texts computed at once.", buckets=TEXTS, registry=registry
        )
        self.batch_seconds = Histogram(
            "feinschliff_batch_seconds", "Time to compute a batch.", buckets=SECONDS, registry=registry
        )
        self.reloads = Counter(
            "feinschliff_reloads", "New versions found.", ["model", "outcome"], registry=registry
        )
        self.drift = Gauge(
            "feinschliff_drift",
            "0 none, 1 moderate, 2 large, against training.",
            ["model"],
            registry=registry,
        )
        self.version = Gauge("feinschliff_model_version", "Version in use.", ["model"], registry=registry)
        Gauge("feinschliff_queued_texts", "Texts that wait.", registry=registry).set_function(queued)

    def batch(self, texts: int, seconds: float) -> None:
        """Count a batch."""
        self.batch_texts.observe(texts)
        self.batch_seconds.observe(seconds)

    def answered(self, served: Served, found: Sequence[Prediction]) -> None:
        """Count predictions."""
        self.texts.labels(served.name).inc(len(found))
        for prediction in found:
            if not prediction.answered:
                self.unanswered.labels(served.name).inc()
                continue
            if prediction.spans is not None:
                names = [span["label"] for span in prediction.spans]
            elif isinstance(prediction.label, list):
                names = prediction.label
            else:
                names = [prediction.label] if isinstance(prediction.label, str) else []
            for name in names:
                self.labels.labels(served.name, name).inc()

    def page(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        for served in self.models():
            self.version.labels(served.name).set(served.version)
        return generate_latest(self.registry)
