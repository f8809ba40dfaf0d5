"""Accounts are looked up without waiting long for whoever knows them."""

import os
import pwd
import threading
import time
from pathlib import Path

import pytest

from lighthouse.config.schema.accounts import Account, default_user, look_up


def test_the_hosts_own_file_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passwd"
    file.write_text("root:x:0:0::/:/bin/sh\nweb:x:1234:1234::/:/bin/sh\nodd\n")
    monkeypatch.delattr(pwd, "getpwnam")
    assert look_up("web", file) == Account(1234)


@pytest.mark.parametrize("name", ["no-such-account", "a\0b", "", "x" * 5000])
def test_an_account_that_nobody_knows(name: str) -> None:
    assert look_up(name, patience=10) == Account(None)


def test_a_server_that_does_not_answer_holds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def hang(name: str) -> None:
        over.wait(30)
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", hang)
    began = time.monotonic()
    assert look_up("ldap-user", tmp_path / "none", 0.05) == Account(known=False)
    assert time.monotonic() - began < 5
    over.set()


def test_workers_of_root_run_as_our_account_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = tmp_path / "passwd"
    accounts.write_text("root:x:0:0::/root:/bin/sh\n")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_user(accounts) is None
    accounts.write_text("root:x:0:0::/root:/bin/sh\nlighthouse:x:990:990::/:/usr/sbin/nologin\n")
    assert default_user(accounts) == "lighthouse"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_user(accounts) is None
