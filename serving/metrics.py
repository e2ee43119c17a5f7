"""Counts requests and their durations for Prometheus."""

import functools

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

PATH = "/monitoring/prometheus/metrics"  # TensorFlow Serving's
CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
REQUESTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Metrics of one server.

    Args:
        models: `Models`; requests for other names are counted as "unknown".
    """

    def __init__(self, models):
        self._models = models
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "carousel_requests",
            "Predict requests",
            ["model", "code"],
            registry=registry,
        )
        self.seconds = Histogram(
            "carousel_request_seconds",
            "Time from request to answer",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.joined = Histogram(
            "carousel_joined_requests",
            "Requests in one batch",
            buckets=REQUESTS,
            registry=registry,
        )
        self.waiting = Gauge(
            "carousel_waiting_requests",
            "Requests that compute or wait",
            registry=registry,
        )
        self._counter = functools.cache(self.requests.labels)  # twice as fast
        self._histogram = functools.cache(self.seconds.labels)
        self.version = Gauge(
            "carousel_model_version", "Version served", ["model"], registry=registry
        )

    def answered(self, name, code, seconds):
        """Counts a request."""
        model = name if self._models.serves(name) else "unknown"
        self._counter(model, str(code)).inc()
        self._histogram(model).observe(seconds)

    def text(self):
        """Returns the metrics in Prometheus's text format, bytes."""
        self.version.clear()
        for model in self._models:
            self.version.labels(model.name).set(model.version)
        return generate_latest(self.registry)
