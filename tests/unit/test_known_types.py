"""What several threads decode is known to msgspec before there is a second thread."""

import subprocess
import sys

import pytest

LOOK = """
import gc, importlib, msgspec, sys
module = importlib.import_module(sys.argv[1])
found = [one for one in vars(module).values() if isinstance(one, type)]
found = [one for one in found if issubclass(one, msgspec.Struct) and one is not msgspec.Struct]
here = [one for one in found if one.__module__ == module.__name__]
known = lambda one: any(type(it).__name__ == "StructInfo" for it in gc.get_referents(one))
if not known(msgspec.json.Decoder(msgspec.defstruct("S", ["x"])).type):
    sys.exit("this msgspec does not show what it knows")
print(*sorted(one.__name__ for one in here if not known(one)))
"""
"""Prints the types of a module that msgspec has not met yet, once the module is imported."""


@pytest.mark.parametrize(
    ("module", "importing", "never_decoded"),
    [
        ("lighthouse.daemon.client", "lighthouse.daemon.client", []),
        ("lighthouse.etcd.protocol", "lighthouse.etcd.protocol", []),
        ("lighthouse.etcd.errors", "lighthouse.etcd.protocol", []),
        ("lighthouse.rabbitmq.node", "lighthouse.rabbitmq.management", ["NodeReport"]),
    ],
)
def test_types_that_threads_decode_are_known_at_import(
    module: str, importing: str, never_decoded: list[str]
) -> None:
    words = [sys.executable, "-c", f"import {importing}\n{LOOK}", module]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == never_decoded
