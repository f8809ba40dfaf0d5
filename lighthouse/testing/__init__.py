"""For tests of plugins: values, fixtures, and the suites that a plugin passes.

``pip install 'lighthouse-balancer[testing]'`` brings pytest along.
"""

from lighthouse.testing.conformance.balancer import BalancerConformance
from lighthouse.testing.conformance.check import CheckConformance
from lighthouse.testing.conformance.discovery import DiscoveryConformance
from lighthouse.testing.services import FakeService
from lighthouse.testing.tree import HostTree
from lighthouse.testing.values import cluster, node, service

__all__ = [
    "BalancerConformance",
    "CheckConformance",
    "DiscoveryConformance",
    "FakeService",
    "HostTree",
    "cluster",
    "node",
    "service",
]
