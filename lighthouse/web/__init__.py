"""The web worker: the status page and the metrics, fed by the status document."""
