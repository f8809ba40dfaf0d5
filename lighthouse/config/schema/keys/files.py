"""The table of each kind of file."""

from collections.abc import Mapping
from typing import Final

from lighthouse.config.schema.keys.cluster import CLUSTER
from lighthouse.config.schema.keys.daemon import DAEMON, PLUGIN
from lighthouse.config.schema.keys.log_config import LOGGING
from lighthouse.config.schema.keys.service import SERVICE
from lighthouse.config.schema.keys.table import KeyTable

TABLES: Final[Mapping[str, KeyTable]] = {
    "lighthouse": DAEMON,
    "logging": LOGGING,
    "balancers": PLUGIN,
    "discovery": PLUGIN,
    "clusters": CLUSTER,
    "services": SERVICE,
}
"""By the names of the single files and of the directories."""
