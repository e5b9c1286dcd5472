"""What ``/metrics`` tells, in Prometheus' format: requests, times, batches, and how many pictures got an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

KNOWN = ("/predict", "/v1/images:annotate", "/healthz", "/metrics", "/openapi.json", "/docs")
CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Counters:
    """The counters of one server, in a registry of their own, so that several may live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self._requests = Counter(
            "joryu_requests", "Requests, by path and HTTP status.", ["path", "status"], registry=own
        )
        self._seconds = Histogram(
            "joryu_request_seconds", "From a request's headers to its answer.", ["path"], buckets=_SECONDS, registry=own
        )
        self._running = Gauge("joryu_requests_running", "Requests that are being read or answered.", registry=own)
        self._batches = Histogram(
            "joryu_batch_pictures", "Pictures that the model was shown at a time.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128), registry=own,
        )  # fmt: skip
        self._pictures = Counter(
            "joryu_pictures", "Pictures, by whether they were answered.", ["outcome"], registry=own
        )
        self._waiting = Gauge("joryu_pictures_waiting", "Pictures that wait for the model.", registry=own)

    @contextmanager
    def request(self, path: str, status: Callable[[], int]) -> Iterator[None]:
        """Count a request, and how long it takes. Paths that nobody knows are counted as one."""
        name, began = path if path in KNOWN else "other", time.perf_counter()
        self._running.inc()
        try:
            yield
        finally:
            self._running.dec()
            self._requests.labels(name, str(status())).inc()
            self._seconds.labels(name).observe(time.perf_counter() - began)

    def batch(self, size: int) -> None:
        """Count a batch."""
        self._batches.observe(size)

    def pictures(self, answered: int, refused: int) -> None:
        """Count pictures."""
        self._pictures.labels("answered").inc(answered)
        self._pictures.labels("refused").inc(refused)

    def waits(self, count: Callable[[], int]) -> None:
        """Where the number of waiting pictures is read from."""
        self._waiting.set_function(count)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
