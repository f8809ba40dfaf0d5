"""Secrets are read from where they lie, and where they cannot be, that is said."""

from pathlib import Path

import pytest

from lighthouse.rabbitmq.check import RabbitmqCheck
from lighthouse.schema import Invalid
from lighthouse.secret import Secret, problems
from lighthouse.zookeeper.discovery import ZooKeeper


def test_a_secret_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    secret = Secret(file=str(file))
    assert secret.read() == "first"
    file.write_text(" second ")
    assert secret.read() == " second "
    monkeypatch.setenv("THE_SECRET", "third")
    assert Secret(env="THE_SECRET").read() == "third"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_no_secret_is_an_error_that_names_the_place(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(OSError, match="secret"):
        Secret(file=str(file)).read()
    with pytest.raises(OSError, match="NO_SUCH_SECRET"):
        Secret(env="NO_SUCH_SECRET").read()


@pytest.mark.parametrize(
    ("secret", "path"),
    [
        (None, None),
        (Secret(file="/a"), None),
        (Secret(env="A_B"), None),
        (Secret(), ("password",)),
        (Secret("/a", "B"), ("password",)),
        (Secret(file="a"), ("password", "file")),
        (Secret(env="a b"), ("password", "env")),
    ],
)
def test_a_reference_that_cannot_be_one_is_a_problem(
    secret: Secret | None, path: tuple[str, ...] | None
) -> None:
    found = problems(secret, "password")
    assert [problem.path for problem in found] == ([] if path is None else [path])


@pytest.mark.parametrize("written", ["hunter2", 2**30, ["hunter2"], True])
def test_a_secret_in_plain_text_is_told_how_to_refer_to_it(written: object) -> None:
    way = "not the secret itself: {file: /absolute/path} or {env: VARIABLE}"
    with pytest.raises(Invalid) as check:
        RabbitmqCheck.validate_config({"password": written})
    auth = {"user": "fleet", "password": written}
    with pytest.raises(Invalid) as discovery:
        ZooKeeper.validate_config({"hosts": ["a"], "path": "/a", "auth": auth})
    for found in check, discovery:
        assert str(found.value).endswith(way)
        assert "hunter2" not in str(found.value)
        assert str(2**30) not in str(found.value)
