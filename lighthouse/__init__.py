"""Lighthouse: service discovery and load balancing for every host of a fleet.

Plugin authors need two names from here: ``hookimpl``, which marks the function that
names their class, and the contract they subclass (``lighthouse.balancer.Balancer``,
``lighthouse.discovery.Discovery`` or ``lighthouse.check.Check``).
"""

from typing import Final

import pluggy

__version__: Final = "2.0.0"

DISTRIBUTION: Final = "lighthouse-balancer"
"""What ``pip`` calls it; on the public index, ``lighthouse`` is another project's."""

hookimpl: Final = pluggy.HookimplMarker("lighthouse")
