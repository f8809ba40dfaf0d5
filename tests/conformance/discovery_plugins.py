"""A discovery that is right, and what makes it wrong in one way each."""

from typing import Final

from tests.conformance.wrong import Wrong

RIGHT: Final = '''
import json
import os
from pathlib import Path

import msgspec

from lighthouse import hookimpl
from lighthouse.discovery import Discovery, Reading, Refusal
from lighthouse.node import Refused, parse
from lighthouse.schema import convert


class Settings(msgspec.Struct, frozen=True):
    path: str
    every: float = 0.05


class Own(Discovery):
    """One directory a cluster, in it one file a node; ours end in ``.own``."""

    @classmethod
    def validate_config(cls, config):
        convert(config, Settings)

    def apply_config(self, config):
        self.settings = convert(config, Settings)

    def connect(self, on_reading, on_connection):
        self.watched = set()
        self.on_reading, self.on_connection = on_reading, on_connection

    def disconnect(self):
        self.watched.clear()

    def start_watching(self, cluster):
        self.watched.add(cluster)
        self.read({cluster})

    def stop_watching(self, cluster):
        self.watched.discard(cluster)

    def wake_after(self):
        return self.settings.every

    def wake(self):
        self.read(self.watched)

    def read(self, clusters):
        try:
            os.listdir(self.settings.path)
            found = {cluster: self.reading(cluster) for cluster in clusters}
        except OSError as error:
            self.on_connection("suspended", str(error))
            raise
        if Path(self.settings.path, ".emptied").exists():
            Path(self.settings.path, ".emptied").unlink()
            self.on_connection("lost", "emptied")
        self.on_connection("connected", "")
        for cluster, reading in found.items():
            self.on_reading(cluster, reading)

    def reading(self, cluster):
        nodes, refused = [], []
        directory = Path(self.settings.path, cluster)
        for file in sorted(directory.iterdir()) if directory.exists() else []:
            try:
                nodes.append(parse(file.read_bytes()))
            except Refused as error:
                refused.append(Refusal(file.name, str(error)))
        return Reading(tuple(nodes), tuple(refused))

    def _file(self, service):
        return Path(self.settings.path, service.name, service.node.place + ".own")

    def report_up(self, service):
        node = service.node
        record = {"ip": node.ip, "port": node.port, "weight": node.weight}
        record["metadata"] = node.metadata
        os.listdir(self.settings.path)
        self._file(service).parent.mkdir(exist_ok=True)
        beside = Path(self.settings.path, ".new")
        beside.write_text(json.dumps(record))
        beside.rename(self._file(service))

    def report_down(self, service):
        self._file(service).unlink(missing_ok=True)


@hookimpl
def lighthouse_discovery():
    return Own
'''

_THREAD: Final = "threading.Thread(target=threading.Event().wait, daemon=True).start()"

WRONG: Final = [
    Wrong(
        "takes every config",
        "bad_configs_are_refused_with_the_place",
        "path: it is taken, expected ValueError",
        "        convert(config, Settings)\n\n    def apply",
        "        pass\n\n    def apply",
    ),
    Wrong(
        "reads once",
        "what_the_source_says_is_read",
        "after a change: no reading of web with .'10.0.0.2:8002'",
        "        return self.settings.every",
        "        return None",
    ),
    Wrong(
        "keeps silent when a cluster is empty",
        "what_the_source_says_is_read",
        "after its last node has gone: no reading of web with ..",
        "            self.on_reading(cluster, reading)",
        "            reading.nodes and self.on_reading(cluster, reading)",
    ),
    Wrong(
        "says a state that there is not",
        "what_the_source_says_is_read",
        "on_connection.'connected'. was not called though the source answers; the states are",
        'self.on_connection("connected", "")',
        'self.on_connection("up", "")',
    ),
    Wrong(
        "does nothing on demand",
        "a_reading_on_demand_is_fresh",
        "refresh was asked for and no reading came of it",
        "    def wake_after(self):\n        return self.settings.every\n",
        "    def refresh(self, cluster):\n        pass\n",
    ),
    Wrong(
        "makes nothing of an error",
        "an_error_is_never_an_empty_reading",
        "while the source was away web was read as ..: an error has to be an exception",
        "            raise\n",
        "            return [self.on_reading(each, Reading()) for each in clusters]\n",
    ),
    Wrong(
        "says nothing of an outage",
        "an_error_is_never_an_empty_reading",
        "neither on_connection.'suspended'. nor .'lost'. was called",
        '            self.on_connection("suspended", str(error))\n',
        "",
    ),
    Wrong(
        "gives no reason for an outage",
        "an_error_is_never_an_empty_reading",
        "on_connection.'suspended'. was given no reason",
        'self.on_connection("suspended", str(error))',
        'self.on_connection("suspended", "")',
    ),
    Wrong(
        "takes what is away for empty when it starts",
        "a_source_that_is_away_at_the_start_is_awaited",
        "the source was away and web was read as ..",
        "            os.listdir(self.settings.path)\n            found",
        "            found",
    ),
    Wrong(
        "lets one record spoil all",
        "malformed_records_cost_no_sibling",
        "beside malformed records: no reading of web",
        "            except Refused as error:",
        "            except ZeroDivisionError as error:",
    ),
    Wrong(
        "hides what it refused",
        "malformed_records_cost_no_sibling",
        "malformed records are in no reading as refused",
        "return Reading(tuple(nodes), tuple(refused))",
        "return Reading(tuple(nodes))",
    ),
    Wrong(
        "leaves a thread",
        "stopping_leaves_nothing",
        "after disconnect there is left: thread",
        "        self.watched = set()",
        f"        self.watched = set()\n        import threading; {_THREAD}",
    ),
    Wrong(
        "registers once and for all",
        "a_service_is_registered_renewed_and_removed",
        "report_up of a service with another weight and metadata did not renew its node",
        "        node = service.node\n",
        "        node = service.node\n"
        "        if self._file(service).exists():\n"
        "            return\n",
    ),
    Wrong(
        "never deregisters",
        "a_service_is_registered_renewed_and_removed",
        "10.0.0.9:8009 was reported down and still stands in the source",
        "self._file(service).unlink(missing_ok=True)",
        "pass",
    ),
    Wrong(
        "removes whoever is at the address",
        "nothing_of_another_host_is_touched",
        "other hosts' nodes were .'10.0.0.1:8001', '10.0.0.2:8002'., and are ..",
        "        self._file(service).unlink(missing_ok=True)",
        "        for file in Path(self.settings.path, service.name).iterdir():\n"
        "            if parse(file.read_bytes()).place == service.node.place:\n"
        "                file.unlink()",
    ),
    Wrong(
        "knows only what this process registered",
        "a_new_process_removes_what_a_killed_one_registered",
        "was reported down and still stands in the source",
        "self._file(service).unlink(missing_ok=True)",
        "getattr(self, 'own', None) == service and self._file(service).unlink()",
    ),
    Wrong(
        "keeps a loss to itself",
        "registrations_are_back_after_the_source_forgot_them",
        "was reported up and does not stand in the source",
        'self.on_connection("lost", "emptied")',
        "pass",
    ),
    Wrong(
        "stays when it is stopped",
        "stopping_deregisters",
        "was reported down and still stands in the source",
        "self._file(service).unlink(missing_ok=True)",
        "raise OSError('not now')",
    ),
]
