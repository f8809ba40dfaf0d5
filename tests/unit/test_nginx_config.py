"""What the nginx balancer decides without asking nginx."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.nginx.balancer import Nginx
from lighthouse.nginx.build import NginxBuild
from lighthouse.nginx.choice import OwnFiles, choose
from lighthouse.nginx.config_test import Complaint
from lighthouse.nginx.main_config import build, read, spares_idle
from lighthouse.nginx.sections import Sections
from lighthouse.nginx.settings import NginxSettings, ResolverSettings, parse_section
from lighthouse.nginx.statements import statements
from lighthouse.nginx.upstream import at, blocks, file_of, render, section_of
from lighthouse.node import Node
from lighthouse.schema import Invalid

OLD = NginxBuild("nginx", (1, 22, 1))
NEW = NginxBuild("nginx", (1, 31, 3))
NODES = (
    Node("a", "10.0.0.1", 80, 5, {"max_conns": 9, "backup": True, "fail_timeout": "1; evil"}),
    Node("b", "10.0.0.2", 80, 0),
    Node("c", "fd00::1", 81),
)


def lines(nginx: NginxBuild, settings: NginxSettings, *nodes: Node, **section: Any) -> list[str]:
    found = render(settings, nginx, Cluster("web", [*nodes], section), parse_section(section))
    assert found is not None
    body = [line.text.strip() for line in found.lines[2:-1]]
    return [line for line in body if not line.startswith("#")]


@pytest.mark.parametrize(
    ("nginx", "section", "expected"),
    [
        (OLD, {}, ["zone lighthouse_http_web 64k;", "server 10.0.0.1:80 weight=5;",
                   "server 10.0.0.2:80 down;", "server [fd00::1]:81;", "keepalive 32;"]),
        (NEW, {"keepalive": 0, "zone": False, "balance": "least_conn"},
         ["least_conn;", "server 10.0.0.1:80 weight=5;", "server 10.0.0.2:80 drain;",
          "server [fd00::1]:81;", "keepalive 0;"]),
        (OLD, {"keepalive": 0, "zone": False,
               "server_options": {"max_fails": 3, "fail_timeout": "5s"}},
         ["server 10.0.0.1:80 weight=5 max_fails=3 fail_timeout=5s;",
          "server 10.0.0.2:80 down max_fails=3 fail_timeout=5s;",
          "server [fd00::1]:81 max_fails=3 fail_timeout=5s;"]),
        (NEW, {"context": "stream", "directives": ["hash $remote_addr consistent"]},
         ["zone lighthouse_stream_web 64k;", "server 10.0.0.1:80 weight=5;",
          "server 10.0.0.2:80 down;", "server [fd00::1]:81;", "hash $remote_addr consistent;"]),
    ],
)  # fmt: skip
def test_an_upstream(nginx: NginxBuild, section: dict[str, Any], expected: list[str]) -> None:
    settings = NginxSettings(stream_file="/s.conf")
    assert lines(nginx, settings, *NODES, **section) == expected


def test_metadata_sets_what_it_may_and_what_fits() -> None:
    settings = NginxSettings(node_options=("max_conns", "backup", "fail_timeout"))
    found = lines(OLD, settings, NODES[0], server_options={"fail_timeout": "9s"})
    assert found[1] == "server 10.0.0.1:80 weight=5 fail_timeout=9s max_conns=9 backup;"


def test_no_nodes_are_a_server_that_is_down() -> None:
    assert lines(OLD, NginxSettings())[1] == "server 127.0.0.1:1 down;"


@pytest.mark.parametrize(("count", "size"), [(0, 64), (32, 64), (33, 128), (10_000, 32768)])
def test_the_zone_has_room(count: int, size: int) -> None:
    nodes = [Node("a", f"10.0.{n // 250}.{n % 250 + 1}", 80) for n in range(count)]
    assert lines(OLD, NginxSettings(), *nodes)[0] == f"zone lighthouse_http_web {size}k;"


@pytest.mark.parametrize(
    ("section", "server"),
    [
        ({"resolve": True}, "server web.lighthouse resolve;"),
        ({"resolve": "a.test", "service": "x._tcp"}, "server a.test service=x._tcp resolve;"),
    ],
)  # fmt: skip
def test_an_upstream_that_follows_the_dns(section: dict[str, Any], server: str) -> None:
    settings = NginxSettings(resolver=ResolverSettings("127.0.0.1:5353", "lighthouse"))
    assert lines(NEW, settings, *NODES, **section) == [
        "zone lighthouse_http_web 512k;",
        "resolver 127.0.0.1:5353 valid=1s;",
        server,
        "keepalive 32;",
    ]
    assert lines(NEW, settings, **section) == lines(NEW, settings, *NODES, **section)


def test_our_files_are_read_back() -> None:
    texts = ["# cluster a\nupstream a {\n}\n", "# cluster b\nupstream b {\n    keepalive 1;\n}\n"]
    content = file_of(texts)
    assert blocks(content) == {"a": texts[0], "b": texts[1]}
    number = content.decode().splitlines().index("    keepalive 1;") + 1
    assert at(content, number) == ("b", 2)
    assert at(content, 1) is None


@pytest.mark.parametrize(
    ("text", "spared"),
    [
        ("", False),
        ("keepalive_timeout 65;", False),
        ("keepalive_timeout 0;", True),
        ("keepalive_min_timeout 10s;", True),
        ("include conf.d/*.conf;", True),
        ("include /nowhere/*; include main;", False),
    ],
)
def test_what_spares_idle_clients_is_found_in_every_file(
    text: str, spared: bool, tmp_path: Path
) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.conf").write_text("keepalive_min_timeout 5s;")
    main = tmp_path / "main"
    main.write_text(f"http {{ {text} }}")
    assert spares_idle(str(main)) is spared


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"balance": "least_conn"},
        {"directives": ["keepalive_timeout 30s"], "server_options": {"max_fails": 3}},
    ],
)
def test_the_section_is_read_back_from_the_upstream(section: dict[str, Any]) -> None:
    given = parse_section(section)
    block = render(NginxSettings(), OLD, Cluster("web", [NODES[0]]), given)
    assert block is not None
    assert section_of(block.text) == given
    assert section_of(block.placeholder) is None


def test_a_section_that_is_too_long_is_not_kept() -> None:
    given = parse_section({"directives": ["keepalive_timeout 30s"] * 100})
    block = render(NginxSettings(), OLD, Cluster("web", [NODES[0]]), given)
    assert block is not None
    assert section_of(block.text) is None


def test_statements() -> None:
    text = """
    pid /run/x.pid; # include no;
    error_log "a b" warn;
    http { include 'c d'; log_format x '{"a": "$b; include"}' ; map $a ${b} { default #; 1;\n 1; }
      content_by_lua_block { if x then y = "}" end -- don't include z;
      }
      include a;
    }
    """
    found = [(" ".join(s.words), s.depth) for s in statements(text.replace('"}" ', ""))]
    assert found == [
        ("pid /run/x.pid", 0),
        ("error_log a b warn", 0),
        ("include c d", 1),
        ('log_format x {"a": "$b; include"}', 1),
        ("default 1", 2),
        ("include a", 1),
    ]


def test_a_candidate_is_the_configuration_with_other_files_of_ours(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    for name in ("conf.d", "sites"):
        (etc / name).mkdir(parents=True)
    main = etc / "nginx.conf"
    main.write_text("pid x;\nhttp { include mime; include conf.d/*.conf; include sites/*; }\n")
    (etc / "mime").write_text("types {}")
    for name in ("own", "lighthouse-old", "lighthouse-web"):
        (etc / f"conf.d/{name}.conf").write_text(f"# {name}")
    (etc / "sites/one").write_text(f"include {etc}/deep/*.conf;")
    (etc / "deep").mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in etc.rglob("*"))
    contents: dict[str, bytes | None] = {
        str(etc / "conf.d/lighthouse-web.conf"): b"new",
        str(etc / "conf.d/lighthouse-old.conf"): None,
        str(etc / "deep/x.conf"): b"deep",
        str(etc / "elsewhere.conf"): b"",
    }
    place = tmp_path / "copy"
    place.mkdir()
    found = build(str(main), contents, place)
    copies = {original: copy for copy, original in found.originals.items()}
    text = Path(found.config_file).read_text()
    web, site = copies[str(etc / "conf.d/lighthouse-web.conf")], copies[str(etc / "sites/one")]
    assert text == (
        f'pid "{place}/.pid"; error_log "{place}/.log"; \n'
        f'http {{ include mime; include "{web}"; include "{etc}/conf.d/own.conf"; '
        f'include "{site}"; }}\n'
    )
    assert Path(web).read_text() == "new"
    assert Path(site).read_text() == f'include "{copies[str(etc / "deep/x.conf")]}";'
    assert found.reached == set(contents) - {str(etc / "elsewhere.conf")}
    assert (place / "mime").read_text() == "types {}"
    assert sorted((path, path.stat().st_mtime_ns) for path in etc.rglob("*")) == before


def test_what_the_main_file_says(tmp_path: Path) -> None:
    main = tmp_path / "nginx.conf"
    main.write_text("pid a;\nworker_shutdown_timeout 1m;\nhttp { error_log b; pid c; }")
    found = read(str(main))
    assert (found.pid, found.error_log, found.shutdown_timeout) == ("a", None, "1m")


def search(place: Path, wrong: Mapping[str, str], *names: str, missed: str = "") -> Any:
    """What is chosen by a judge that refuses some texts, and misses an upstream."""
    pattern = str(place / "lighthouse-{cluster}.conf")
    settings = NginxSettings(http_file=pattern)
    clusters = [Cluster(name, [*NODES], {"balance": wrong.get(name, "")}) for name in names]
    upstreams, _ = Sections(settings).blocks(OLD, clusters)

    def judge(contents: Mapping[str, bytes | None]) -> Complaint | None:
        for file, content in contents.items():
            if content and b"bad" in content:
                number = [b"bad" in line for line in content.splitlines()].index(True) + 1
                name, line = at(content, number) or ("", 0)
                return Complaint("bad", file, number, name, line)
        if missed and not any(f"/lighthouse-{missed}." in f for f, c in contents.items() if c):
            return Complaint(f'host not found in upstream "{missed}"', "/etc/nginx.conf", 3)
        return None

    return choose(OwnFiles([pattern], upstreams), upstreams, judge)


def test_what_nginx_refuses_costs_its_own_cluster_only(tmp_path: Path) -> None:
    former = file_of(["# cluster b\nupstream b {\n}\n"])
    (tmp_path / "lighthouse-b.conf").write_bytes(former)
    found = search(tmp_path, {"b": "bad", "c": "bad"}, "a", "b", "c")
    files = {Path(path).name: content for path, content in found.contents.items()}
    assert b"10.0.0.1" in files["lighthouse-a.conf"]
    assert files["lighthouse-b.conf"] == former
    assert files["lighthouse-c.conf"] is None
    assert [(one.cluster, one.path) for one in found.findings] == [
        ("b", ("balance",)),
        ("c", ("balance",)),
    ]


def test_an_upstream_that_is_still_named_stays(tmp_path: Path) -> None:
    for name in ("old", "older"):
        text = f"# cluster {name}\nupstream {name} {{\n}}\n"
        (tmp_path / f"lighthouse-{name}.conf").write_bytes(file_of([text]))
    (tmp_path / "lighthouse-theirs.conf").write_text("# not ours")
    found = search(tmp_path, {}, "a", missed="old")
    there = {Path(path).name for path, content in found.contents.items() if content is not None}
    assert there == {"lighthouse-a.conf", "lighthouse-old.conf"}
    assert {Path(path).name for path in found.contents} == there | {"lighthouse-older.conf"}
    assert found.kept[0].startswith("old is served no more, but stays")


@pytest.mark.parametrize(
    ("config", "place", "message"),
    [
        ({"http_file": "x"}, ("http_file",), "absolute path"),
        ({"http_file": "/a;b"}, ("http_file",), "absolute path"),
        ({"http_file": "/a", "stream_file": "/a"}, ("stream_file",), "already"),
        ({"node_options": ["bakcup"]}, ("node_options", 0), "did you mean 'backup'"),
        ({"resolver": {"address": "x;", "zone": "z"}}, ("resolver", "address"), "addresses such"),
        ({"min_intervall": 1}, ("min_intervall",), "did you mean 'min_interval'"),
    ],
)
def test_bad_settings(config: dict[str, Any], place: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        Nginx.validate_config(config)
    assert [problem.path for problem in caught.value.problems] == [place]
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("section", "place", "message"),
    [
        ({"context": "tcp"}, ("context",), "http, stream"),
        ({"upstream": "a b"}, ("upstream",), "expected a name"),
        ({"balance": "ip_hash; evil"}, ("balance",), "expected one directive"),
        ({"balance": "least_time header"}, ("balance",), "commercial"),
        ({"directives": ["zone x 64k"]}, ("directives", 0), "written by lighthouse itself"),
        ({"server_options": {"fail_timeout": "x"}}, ("server_options", "fail_timeout"), "a time"),
        ({"resolve": "a;b"}, ("resolve",), "expected a domain name"),
        ({"service": "http"}, ("service",), "'resolve' only"),
        ({"on_empty": "render"}, ("on_empty",), "keep, down"),
    ],
)
def test_bad_sections(section: dict[str, Any], place: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        Nginx.validate_cluster_config(section)
    assert [problem.path for problem in caught.value.problems] == [place]
    assert message in caught.value.problems[0].message
