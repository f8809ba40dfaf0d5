"""What others may write or read of a configuration is a warning at its place."""

import os
from pathlib import Path

import pytest

from lighthouse.config.tree import Installed, Tree

INSTALLED = Installed(frozenset({"own"}), frozenset({"file"}), frozenset({"redis"}))
STRANGER = 54321


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for directory in ("balancers", "discovery", "services"):
        (tmp_path / directory).mkdir()
    (tmp_path / "discovery/file.yaml").write_text("path: x\n")
    return tmp_path


def _faults(root: Path) -> list[str]:
    tree = Tree(root, INSTALLED)
    tree.load()
    assert tree.broken == frozenset()
    assert all(fault.warning for fault in tree.faults)
    return [str(fault) for fault in tree.faults]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "."),
        ("discovery", "discovery"),
        ("discovery/file.yaml", "discovery/file.yaml"),
    ],
)
@pytest.mark.parametrize(
    ("mode", "group", "reason"),
    [
        (0o757, 0, "everyone may write it (mode 0757)"),
        (0o775, STRANGER, f"group {STRANGER} may write it (mode 0775)"),
    ],
)
def test_what_others_may_write(
    root: Path, name: str, said: str, mode: int, group: int, reason: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    assert _faults(root) == []
    os.chown(root / name, -1, group)
    (root / name).chmod(mode)
    effect = "and so decide what this host runs and serves"
    assert _faults(root) == [f"{said}:1:1: warning: {reason}, {effect}"]


def test_what_someone_else_owns(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(root / "discovery/file.yaml", STRANGER, -1)
    [fault] = _faults(root)
    assert f"belongs to user {STRANGER}" in fault


def test_secrets_that_others_may_read(root: Path) -> None:
    secret, key = root / "secret", root / "key.pem"
    secret.write_text("x")
    key.write_text("x")
    (root / "discovery/file.yaml").write_text(f"path: x\nauth:\n  password: {{file: {secret}}}\n")
    (root / "services/db.yaml").write_text(
        f"port: 1\ndiscovery: file\nchecks:\n  redis:\n    tls: {{key_file: {key}}}\n"
    )
    secret.chmod(0o604)
    key.chmod(0o644)
    assert _faults(root) == [
        f"discovery/file.yaml:3:14: warning: {secret} is secret, "
        "but everyone may read it (mode 0604)",
        f"services/db.yaml:5:11: warning: {key} is secret, but everyone may read it (mode 0644)",
    ]
    secret.chmod(0o640)
    key.chmod(0o600)
    assert _faults(root) == []
