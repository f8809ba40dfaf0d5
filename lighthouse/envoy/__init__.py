"""The ``envoy`` balancer: an Envoy of its own, configured by files that it watches."""
