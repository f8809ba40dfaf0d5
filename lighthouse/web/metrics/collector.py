"""All metrics of one status document, in the words that Prometheus reads."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from lighthouse.daemon.status_document import StatusDocument
from lighthouse.web.metrics import balancers, clusters, services, supervisor, workers


class StatusCollector:
    """What is collected of a document that was made at ``made_at``, at the moment ``now``."""

    def __init__(self, document: StatusDocument, made_at: float, now: float) -> None:
        self._document = document
        self._age = max(0.0, now - made_at)
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family, those without a sample too."""
        document = self._document
        yield from supervisor.families(document, self._age)
        yield from workers.families(document.workers, self._now)
        yield from clusters.families(document.clusters)
        yield from clusters.discoveries(document.clusters, document.workers)
        yield from services.families(document.services)
        yield from services.performances(document.workers)
        yield from balancers.families(document.workers)


def exposition(collector: StatusCollector, accept: str) -> tuple[bytes, str]:
    """The metrics as text and its content type, as whoever asks accepts it."""
    encode, content_type = choose_encoder(accept)
    return encode(collector), content_type
