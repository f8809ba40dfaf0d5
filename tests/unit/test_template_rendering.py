"""What templates make of clusters, and what nobody can have them make."""

import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.node import Node, parse
from lighthouse.template.facts import FactsStore
from lighthouse.template.output import OutputFile
from lighthouse.template.renderer import Kept, Renderer, TemplateFault
from lighthouse.template.settings import TemplatedFile

NODES = (
    Node("a", "10.0.0.1", 80, metadata={"role": "replica", "zone": "z1"}),
    Node("b", "10.0.0.2", 80, 0, metadata={"role": "primary", "zone": 'x"; evil {'}),
    Node("c", "fd00::1", 81, metadata={"zone": "z2"}),
)
WEB = Cluster("web", [*NODES], {"port": 8000})

QUOTING = Renderer(
    TemplatedFile(
        "/x",
        template="\n".join(
            f"{{{{ nodes[0].metadata.v | {name} }}}}"
            for name in ("json", "toml", "shell", "haproxy", "conninfo", "name")
        ),
    ),
    "t",
    {},
)
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


def render(text: str, *clusters: Cluster, **settings: Any) -> str:
    file = TemplatedFile("/x", template=text, **settings)
    content, _ = Renderer(file, "web.j2", {"greeting": "hi"}).render(
        FactsStore().of(clusters or (WEB,))
    )
    return content.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ nodes | map(attribute='place') | join }}", "10.0.0.1:8010.0.0.2:80[fd00::1]:81"),
        ("{{ nodes | map(attribute='family') | join }}", "446"),
        ("{{ cluster('web').config.port }} {{ clusters[0].name }}", "8000 web"),
        ("{{ nodes | role('primary') | map(attribute='host') | join }}", "b"),
        ("{% for r, _ in nodes | by_role %}{{ r }},{% endfor %}", ",primary,replica,"),
        ("{{ nodes | serving | map(attribute='host') | join }}", "ac"),
        ("{{ nodes | groupby('metadata.zone') | length }}", "3"),
        ("{{ vars.greeting }}{{ vars.own }}", "hi1"),
        ("{{ nodes[0].peer is none }} {{ nodes[2].metadata.rack | default('no') }}", "True no"),
        ("{% for n in nodes %}{{ n.name }}{% break %}{% endfor %}", "a:80"),
        ("{{ 'evil' in nodes[1].metadata.zone }}", "True"),
        ("{{ '10.0.0.1:80' | name }} {{ 'é' | toml }}", '_10_0_0_1_80 "é"'),
        ("a\n  {% if true %}\nb\n  {% endif %}\n", "a\nb\n"),
    ],
)  # fmt: skip
def test_facts_and_filters(text: str, expected: str) -> None:
    assert render(text, vars={"own": 1}) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{{ nodes[0].nope }}", "web.j2:2: .* has no attribute 'nope'"),
        ("a\nb\n{% for %}", "web.j2:3: Expected an expression"),
        ("{{ metadata }}", "web.j2:1: 'metadata' is undefined"),
        ("{{ nodes[0].metadata.rack }}", "has no attribute 'rack'"),
        ("{{ cluster('db') }}", "no cluster 'db' is served by this file"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ nodes[0].metadata.clear() }}", "unsafe"),
        ("{{ nodes.append(1) }}", "unsafe"),
        ("{% include 'x' %}", "includes no files"),
        ("{{ 'x' * 10000000000 }}", "too much"),
        ("{{ [1] * 10000000000 }}", "too much"),
        ("{{ 9 ** 99 }}", "too much"),
        ("{% for i in range(1000) %}xxxxxxxxxxxx{% endfor %}", "makes more than 9999 bytes"),
        ("{{ nodes | random }}", "No filter named 'random'"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ none | json }}{{ '$a' | nginx }}", "variable"),
    ],
)
def test_faults_name_the_place_and_the_cause(text: str, said: str) -> None:
    with pytest.raises(TemplateFault, match=said):
        render(text, max_size=9999)


@pytest.mark.parametrize(
    "text",
    [
        "{% for n in nodes %}{{ n.host }} {{ n.metadata.zone }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ n.metadata.zone ~ '' }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ n.metadata.zone | upper | lower }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ n.metadata.zone.lower() }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ '%s' % n.metadata.zone }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ '{}'.format(n.metadata.zone) }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ [n.metadata.zone] | join }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ n.metadata.zone[:9] }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ '' + n.metadata.zone }}\n{% endfor %}",
        "{% for n in nodes %}{{ n.host }} {{ n.metadata.zone | replace(';', '') }}\n{% endfor %}",
    ],
)
def test_what_is_no_plain_word_is_not_printed_by_any_way(text: str) -> None:
    """Its node is left out, and its siblings stay."""
    content, reasons = Renderer(TemplatedFile("/x", template=text), "t", {}).render(
        FactsStore().of((WEB,))
    )
    assert content.decode() == "a z1\nc z2\n"
    assert reasons == ["metadata 'zone' is no plain word: 'x\"; evil {'"]


def test_a_hostile_key_is_not_printed_either() -> None:
    keys = "{% for k in n.metadata %}{{ k }},{% endfor %}"
    text = f"{{% for n in nodes %}}{keys}{{{{ n.host }}}} {{% endfor %}}"
    hostile = Cluster("web", [Node("a", "10.0.0.1", 80, metadata={"x{}": 1}), NODES[2]], {})
    assert render(text, hostile) == "zone,c "
    assert render("{{ nodes[0].metadata | json }}", hostile) == '{"x{}": 1}'


def test_a_template_that_would_lose_all_nodes_of_a_cluster_is_wrong() -> None:
    only = Cluster("web", [*NODES[1:2]], {})
    with pytest.raises(TemplateFault, match=r"no plain word.*filter that quotes"):
        render("{% for n in nodes %}{{ n.metadata.zone }}{% endfor %}", only)


def test_keep() -> None:
    with pytest.raises(Kept, match="no primary"):
        render("a{{ keep('no primary') }}")


@settings(deadline=None, max_examples=60)
@given(PRINTABLE)
def test_each_filter_quotes_any_text(text: str) -> None:
    """What the format's own reader finds is the value, and nothing besides."""
    node = parse({"ip": "10.0.0.1", "port": 80, "metadata": {"v": text}}, strict=True)
    content, _ = QUOTING.render(FactsStore().of((Cluster("web", [node], {}),)))
    json_, toml, shell, haproxy, conninfo, name = content.decode().split("\n")
    assert json.loads(json_) == yaml.safe_load(json_) == text
    assert tomllib.loads(f"v = {toml}") == {"v": text}
    assert shlex.split(shell) == shlex.split(haproxy) == [text]
    parsed = psycopg.conninfo.conninfo_to_dict(f"user={conninfo} dbname=x")
    assert parsed == {"user": text, "dbname": "x"}
    assert name.isidentifier()


def test_a_template_is_read_again_once_it_has_settled(tmp_path: Path) -> None:
    path = tmp_path / "t.j2"
    path.write_text("one {% include 'part' %}")
    (tmp_path / "part").write_text("part")
    facts = FactsStore().of((WEB,))
    output = OutputFile(0, TemplatedFile("/x", template_file=str(path)), {})
    assert output.render(facts).content == b"one part"
    assert not output.look()
    (tmp_path / "part").write_text("other")
    assert not output.look()
    assert output.render(facts).content == b"one part"
    assert output.look()
    assert output.render(facts).content == b"one other"


def test_a_broken_edit_leaves_the_former_template_in_use(tmp_path: Path) -> None:
    path = tmp_path / "t.j2"
    path.write_text("{{ nodes | length }}")
    output = OutputFile(0, TemplatedFile("/x", template_file=str(path)), {})
    store = FactsStore()
    assert output.render(store.of((WEB,))).content == b"3"
    path.write_text("\n{{ nope }}")
    assert [output.look(), output.look()] == [False, True]
    found = output.render(store.of((Cluster("web", [*NODES[:1]], {}),)))
    assert found.content == b"1"
    assert found.fault is not None
    assert "t.j2:2: 'nope' is undefined; the former template stays in use" in found.fault.message
    assert found.fault.path == ("files", 0, "template_file")


@pytest.mark.parametrize("name", ["missing.j2", "../etc/passwd"])
def test_what_cannot_be_read_is_a_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.j2").write_text(f"{{% include '{name}' %}}")
    output = OutputFile(0, TemplatedFile("/x", template_file=str(tmp_path / "t.j2")), {})
    found = output.render(FactsStore().of((WEB,)))
    assert found.content is None
    assert found.fault is not None
    assert name in found.fault.message
