"""From clusters to the resources of Envoy: pure functions, equal input gives equal bytes."""
