"""The nginx balancer: upstreams by include, reloaded only when checked, and the reload proven."""
