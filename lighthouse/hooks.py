"""The hooks: one function of these, marked with ``lighthouse.hookimpl``, makes a plugin.

A plugin is a module with such a function and an entry point that names the module::

    # lighthouse_hosts.py
    from lighthouse import hookimpl
    from lighthouse.balancer import Balancer

    class Hosts(Balancer):
        def sync_file(self, clusters):
            ...

    @hookimpl
    def lighthouse_balancer() -> type[Balancer]:
        return Hosts

    # its setup.py
    entry_points={"lighthouse.balancers": ["hosts = lighthouse_hosts"]}

Once the package is installed, ``balancers/hosts.yaml`` starts a worker process for it. The
entry point's name is the plugin's name; the module is imported only in that worker. Bundled
plugins are registered in exactly this way.
"""

from typing import Final

import pluggy

from lighthouse.balancer import Balancer
from lighthouse.check import Check
from lighthouse.discovery import Discovery

hookspec: Final = pluggy.HookspecMarker("lighthouse")


@hookspec(firstresult=True)
def lighthouse_balancer() -> type[Balancer]:  # type: ignore[empty-body]
    """The balancer class of this plugin; entry point group ``lighthouse.balancers``."""


@hookspec(firstresult=True)
def lighthouse_discovery() -> type[Discovery]:  # type: ignore[empty-body]
    """The discovery class of this plugin; entry point group ``lighthouse.discovery``."""


@hookspec(firstresult=True)
def lighthouse_check() -> type[Check]:  # type: ignore[empty-body]
    """The check class of this plugin; entry point group ``lighthouse.checks``."""
