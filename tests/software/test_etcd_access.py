"""Getting into an etcd that does not take everybody: TLS, client certificates, users."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.etcd.errors import Denied
from tests.software.etcd_world import Etcd, World, following, record, running, service

PATH = "/secured"


def openssl(directory: Path, *words: str) -> None:
    made = subprocess.run(
        ["openssl", *words], cwd=directory, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority, and certificates of it for a server and a client."""
    path = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(
        path, "req", "-x509", *key, "-subj", "/CN=authority", "-days", "2", "-keyout", "ca.key",
        "-out", "ca.pem",
    )  # fmt: skip
    for name in ("server", "client"):
        (path / f"{name}.ext").write_text(
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        subject = f"/CN={name}" if name == "server" else "/O=lighthouse"
        openssl(path, "req", *key, "-subj", subject, "-keyout", f"{name}.key", "-out", "csr")
        openssl(
            path, "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt",
        )  # fmt: skip
    both = (path / "client.crt").read_bytes() + (path / "client.key").read_bytes()
    (path / "client.pem").write_bytes(both)
    return path


@pytest.fixture(scope="module")
def secured(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """An etcd that speaks TLS only, with those only who have a certificate."""
    root = tmp_path_factory.mktemp("etcd")
    (root / "client.pem").write_bytes((authority / "client.pem").read_bytes())
    flags = ["--cert-file", str(authority / "server.crt")]
    flags += ["--key-file", str(authority / "server.key")]
    flags += ["--trusted-ca-file", str(authority / "ca.pem"), "--client-cert-auth"]
    with running(root, secure=True, flags=flags) as etcd:
        etcd.put(f"{PATH}/web/a", record(1))
        yield etcd


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """An etcd with a user for writing and one for reading, whose tokens last two seconds."""
    with running(tmp_path_factory.mktemp("etcd"), flags=["--auth-token-ttl", "2"]) as etcd:
        etcd.put(f"{PATH}/web/a", record(1))
        etcd.guard("reader", "its password", f"{PATH}/", rights=0)
        etcd.guard("writer", "its password", f"{PATH}/")
        yield etcd


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("its password\n")
    return path


def auth(user: str, password: Path) -> dict[str, Any]:
    return {"user": user, "password": {"file": str(password)}}


def test_tls_with_the_right_certificates(secured: Etcd, authority: Path) -> None:
    tls = {"ca_file": str(authority / "ca.pem"), "cert_file": str(authority / "client.pem")}
    with following(secured, PATH, tls=tls) as world:
        world.until_ports(1)
        world.discovery.report_up(service())
        world.until_ports(1, 80)
        world.discovery.report_down(service())
        world.until_ports(1)
        world.until(lambda: world.status["probes"] >= 2)
        assert world.states[-1][0] == "connected"


def test_tls_that_is_not_right_is_named(secured: Etcd, authority: Path) -> None:
    authority_only = {"ca_file": str(authority / "ca.pem")}
    client = {"cert_file": str(authority / "client.pem")}
    plain = [url.replace("https", "http") for url in secured.endpoints]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"tls": client}, "certificate refused: "),
        ({"tls": authority_only}, "client certificate, give tls.cert_file"),
        ({"tls": {**client, "ca_file": "/nonexistent/ca.pem"}}, "/nonexistent/ca.pem: No such"),
        ({"tls": {**client, **authority_only, "server_name": "other"}}, "certificate refused"),
        ({"endpoints": plain}, "https"),
    ]
    worlds = [World(secured, PATH, **config) for config, _ in cases]
    try:
        for world, (_, told) in zip(worlds, cases, strict=True):
            world.until_state("suspended", told)
            assert "web" not in world.readings
    finally:
        for world in worlds:
            world.discovery.disconnect()


def test_a_user_with_the_right_password(guarded: Etcd, password: Path) -> None:
    with following(guarded, PATH, auth=auth("writer", password)) as world:
        world.until_ports(1)
        world.discovery.report_up(service())
        world.until_ports(1, 80)
        # A changed password ends all tokens of the user, though it be the same again.
        change = {"name": "writer", "password": "its password"}
        guarded.ask("/v3/auth/user/changepw", change)
        world.discovery.report_up(service(weight=2))
        world.until(lambda: 2 in [node.weight for node in world.readings["web"].nodes])
        probes = world.status["probes"]
        world.until(lambda: world.status["probes"] > probes)
        assert world.status["reconnects"] == 0
        # So does a restart.
        guarded.kill()
        world.until_state("suspended")
        guarded.members[0].start(f"m0={guarded.members[0].peer_url}")
        world.until_state("connected")
        probes = world.status["probes"]
        world.until(lambda: world.status["probes"] > probes)
        world.discovery.report_up(service(weight=3))
        world.until(lambda: 3 in [node.weight for node in world.readings["web"].nodes])
        assert world.status["relists"] == 0
        world.discovery.report_down(service())
        world.until_ports(1)


def test_who_may_not_is_told_so(guarded: Etcd, password: Path, tmp_path: Path) -> None:
    wrong, absent = tmp_path / "wrong", tmp_path / "absent"
    wrong.write_text("guess")
    cases: list[tuple[str, dict[str, Any], str]] = [
        (PATH, {}, "etcd asks for a user: see 'auth'"),
        (PATH, {"auth": auth("writer", wrong)}, "look at auth.user and auth.password"),
        (PATH, {"auth": auth("nobody", password)}, "look at auth.user and auth.password"),
        (PATH, {"auth": auth("writer", absent)}, f"auth.password: {tmp_path}/"),
        ("/elsewhere", {"auth": auth("writer", password)}, "grant the user's role readwrite"),
    ]
    worlds = [World(guarded, path, **config) for path, config, _ in cases]
    try:
        for world, (_, _, told) in zip(worlds, cases, strict=True):
            world.until_state("suspended", told)
        assert "its password" not in str([world.status for world in worlds])
        # It is tried for ever: what is put right is found.
        wrong.write_text("its password")
        worlds[1].discovery.start_watching("web")
        worlds[1].until_ports(1)
    finally:
        for world in worlds:
            world.discovery.disconnect()


def test_who_may_only_read_reads(guarded: Etcd, password: Path) -> None:
    with following(guarded, PATH, auth=auth("reader", password)) as world:
        world.until_ports(1)
        with pytest.raises(Denied, match="grant the user's role readwrite"):
            world.discovery.report_up(service())
        world.until_state("connected")
        assert world.ports() == [1]


def test_a_user_where_none_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, password: Path
) -> None:
    with running(tmp_path_factory.mktemp("etcd")) as etcd:
        etcd.put(f"{PATH}/web/a", record(1))
        with following(etcd, PATH, auth=auth("writer", password)) as world:
            world.until_ports(1)
            world.until_state("connected")
