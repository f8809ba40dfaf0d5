"""Templates of consul-template and confd as Jinja's, rendered as the balancer does it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lighthouse.cluster import Cluster
from lighthouse.convert import confd, consul_template
from lighthouse.convert.conversion import Conversion
from lighthouse.convert.go_template import convert
from lighthouse.convert.source import SourceFault
from lighthouse.convert.tree import write
from lighthouse.node import Node
from lighthouse.template.facts import FactsStore
from lighthouse.template.renderer import Kept, Renderer
from lighthouse.template.settings import TemplatedFile

WEB = Cluster("web", [Node("a", "10.0.0.1", 80), Node("b", "10.0.0.2", 81, 5)])
NONE = Cluster("none", [])


def render(text: str) -> str:
    file = TemplatedFile("/x", template=text)
    return Renderer(file, "t", {}).render(FactsStore().of((WEB, NONE)))[0].decode()


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain { } text\n", "plain { } text\n"),
        ("${#x} {% y %} { {z\n", "${#x} {% y %} { {z\n"),
        (
            'a\n{{range service "web"}}\n  server {{.Node}} {{.Address}}:{{.Port}}\n{{end}}\nb\n',
            "a\n  server a 10.0.0.1:80\n  server b 10.0.0.2:81\nb\n",
        ),
        ('{{range service "web"}}{{.Port}},{{end}}\nend', "80,81,\nend"),
        ('{{ range service "web" }}\n{{- .Port }} {{ end -}}\n x', "80 81 x"),
        ('{{range $i, $s := service "web"}}{{$i}}={{$s.ID}} {{end}}', "0=a:80 1=b:81 "),
        ('{{range $s := service "web"}}{{$s.Name | toUpper}} {{end}}', "WEB WEB "),
        ('{{range service "none"}}x{{else}}nobody{{end}}', "nobody"),
        ('{{if service "none"}}x{{else}}y{{end}}', "y"),
        ('{{range service "web"}}{{if eq .Port 80}}a{{else if ne .Port 7}}b{{end}}{{end}}', "ab"),
        ('{{range service "web"}}{{if and (gt .Port 80) (not (eq .ID "z"))}}x{{end}}{{end}}', "x"),
        ('{{ len (service "web") }} {{ service "web" | len }}', "2 2"),
        ("{{/* nobody #} sees */}}a", "a"),
        ('{{range getvs "/services/web/*"}}{{.}} {{end}}', "10.0.0.1:80 10.0.0.2:81 "),
        (
            '{{range gets "/web/*"}}{{$d := json .Value}}{{base .Key}} {{$d.ip}}/{{$d.weight}};'
            "{{end}}",
            "a:80 10.0.0.1/1;b:81 10.0.0.2/5;",
        ),
        ('{{range service "web"}}{{range service "web"}}{{.Port}}{{end}}-{{end}}', "8081-8081-"),
        ("{{ `raw` }} {{ \"a\\\"b\" }}", 'raw a"b'),
    ],
)  # fmt: skip
def test_what_is_simple_enough(text: str, printed: str) -> None:
    made = convert(text)
    assert made.missing == ()
    assert render(made.text) == printed


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('a\n{{ key "app/x" }}\n', 2, "nothing here reads keys: give it in `vars`"),
        ('{{ with secret "x" }}\n{{ .Data }}\n{{ end }}', 1, "with is not converted"),
        ('{{ env "HOME" }}', 1, "nothing here reads the environment"),
        ('{{ range ls "/x" }}{{ .Key }}{{ end }}', 1, "nothing here reads keys"),
        (
            '{{ range service "web" }}\n{{ .Tags }}{{ end }}',
            2,
            "`node.metadata` has what",
        ),
        ('{{ range service "web@dc2" }}{{ end }}', 1, "another datacenter or a filter"),
        ('{{ range service "web" "any" }}{{ end }}', 1, "only nodes that pass their checks"),
        ('{{ range getvs "/*" }}{{ end }}', 1, "it names no cluster"),
        ("{{ range service $x }}{{ end }}", 1, "has to be written out"),
        ("{{ .Port }}", 1, "only loops over nodes"),
        ("{{ $x := 5 }}", 1, "variables are not converted"),
        ('{{ printf "%s" "x" }}', 1, "printf is not converted"),
        ("{{ if }}x{{ end }}", 1, "nothing is said there"),
        ('{{ template "x" }}', 1, "template is not converted"),
        ('{{ range service "web" }}x', 1, "a block has no"),
        ("x{{ end }}", 1, "no block that it ends"),
    ],
)
def test_what_is_not_is_told_and_keeps_the_file(text: str, line: int, said: str) -> None:
    made = convert(text)
    assert [(one.line, said in one.message) for one in made.missing] == [(line, True)]
    with pytest.raises(Kept, match="not converted yet: line"):
        render(made.text)


def test_what_stands_around_it_is_converted_all_the_same() -> None:
    text = 'a\n{{ range service "web" }}\n{{ .Port }} {{ .Meta }}\n{{ end }}\n'
    made = convert(text)
    _, _, rest = made.text.partition("\n")
    assert render(rest).splitlines() == ["a", "80 ", "81 "]
    assert "line 3" in rest


def read(made: Conversion, name: str) -> Any:
    return yaml.safe_load(made.files[name])


CONSUL = """\
consul { address = "10.0.0.5:8500" }
log_level = "warn"
template {
  source      = "/etc/templates/hosts.ctmpl"
  destination = "/etc/app/hosts.conf"
  command     = "systemctl reload app"
  perms       = 0640
  backup      = true
}
template {
  contents = <<EOH
{{ range service "web" }}{{ .Address }}
{{ end }}{{ key "x" }}
EOH
  destination = "/etc/app/other.conf"
  command = "pkill -HUP app || true"
}
"""


def test_consul_template(tmp_path: Path) -> None:
    (tmp_path / "ct.hcl").write_text(CONSUL)
    (tmp_path / "hosts.ctmpl").write_text('{{range service "v1.web"}}{{.Address}}\n{{end}}')
    made = consul_template.convert([tmp_path / "ct.hcl"])
    assert read(made, "discovery/consul.yaml") == {
        "plugin": "dns",
        "name": "{cluster}.service.consul",
        "nameservers": ["10.0.0.5:8600"],
    }
    hosts = read(made, "balancers/hosts.yaml")
    assert hosts["reload"] == ["systemctl", "reload", "app"]
    (file,) = hosts["files"]
    assert (file["path"], file["mode"]) == ("/etc/app/hosts.conf", "0640")
    assert file["clusters"] == ["v1.web"]
    other = read(made, "balancers/other.yaml")
    assert other["reload"] == ["/bin/sh", "-c", "pkill -HUP app || true"]
    assert read(made, "clusters/web.yaml") == {"discovery": "consul", "other": {}}
    assert read(made, "clusters/v1.web.yaml") == {"discovery": "consul", "hosts": {}}
    told = [str(one).removeprefix(f"{tmp_path}/") for one in sorted(made.left)]
    assert [one.partition(" warning: ")[0] for one in told] == [
        "ct.hcl:2:1:",
        "ct.hcl:8:3:",
        "ct.hcl:13:1:",
    ]
    assert "log_level" in told[0]
    assert "backup" in told[1]
    assert "reads keys" in told[2]


def test_consul_template_in_json_and_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "ct.json"
    file.write_text('{"template": [{"source": "gone.ctmpl", "destination": "/x"}]}')
    with pytest.raises(SourceFault, match="no template"):
        consul_template.convert([file])
    file.write_text('{"template": {"contents": "x", "destination": "/x", "left_delimiter": "<"}}')
    made = consul_template.convert([file])
    assert [one.message for one in made.left] == [
        "left_delimiter: templates with other delimiters are not converted"
    ]
    file.write_text("{")
    with pytest.raises(SourceFault, match=r"ct\.json:2:1: "):
        consul_template.convert([file])
    (tmp_path / "ct.hcl").write_text('template {\n  source = "x\n}\n')
    with pytest.raises(SourceFault, match=r"ct\.hcl:1:1: line 2 is no HCL"):
        consul_template.convert([tmp_path / "ct.hcl"])


RESOURCE = """\
[template]
src = "app.conf.tmpl"
dest = "/etc/app.conf"
prefix = "/prod"
keys = ["/services/web"]
mode = "0640"
owner = "root"
check_cmd = "/usr/sbin/app -t {{ .src }}"
reload_cmd = "service app reload"
"""


def confd_tree(root: Path, template: str, settings: str) -> Conversion:
    for name in ("conf.d", "templates"):
        (root / name).mkdir(exist_ok=True)
    (root / "conf.d/app.toml").write_text(RESOURCE)
    (root / "templates/app.conf.tmpl").write_text(template)
    (root / "confd.toml").write_text(settings)
    return confd.convert(root)


def test_confd(tmp_path: Path) -> None:
    text = '{{range getvs "/services/web/*"}}server {{.}};\n{{end}}'
    made = confd_tree(tmp_path, text, 'backend = "etcdv3"\nnodes = ["e:2379"]\ninterval = 9\n')
    assert read(made, "discovery/etcd.yaml") == {
        "endpoints": ["http://e:2379"],
        "path": "/prod/services",
    }
    assert read(made, "clusters/web.yaml") == {"discovery": "etcd", "app": {}}
    app = read(made, "balancers/app.yaml")
    assert app["reload"] == ["service", "app", "reload"]
    assert app["files"][0]["validate"] == ["/usr/sbin/app", "-t", "{file}"]
    assert render(app["files"][0]["template"]) == "server 10.0.0.1:80;\nserver 10.0.0.2:81;\n"
    told = [one.message for one in sorted(made.left)]
    assert len(told) == 2
    assert "a value of a node has to be a record" in told[0]
    assert told[1].startswith("interval: ")


def test_confd_without_a_store_of_records(tmp_path: Path) -> None:
    made = confd_tree(tmp_path, '{{getv "/x"}}', 'backend = "vault"\nlog-level = "debug"\n')
    told = "\n".join(str(one) for one in sorted(made.left))
    assert "confd.toml:1:1: warning: backend: nothing here reads vault" in told
    assert "app.conf.tmpl:1:1: warning: {{ getv" in told
    with pytest.raises(SourceFault, match=r"no conf\.d"):
        confd.convert(tmp_path / "conf.d")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    made = Conversion()
    made.add("services/a.yaml", {"check": {"password": {"file": "secrets/a"}}})
    made.secrets["secrets/a"] = "x"
    root = tmp_path / "tree"
    written = write(made, root)
    assert [str(path.relative_to(root)) for path in written] == ["services/a.yaml", "secrets/a"]
    assert (root / "secrets/a").stat().st_mode & 0o777 == 0o600
    others = [path for path in root.rglob("*") if path.is_file() and path.parent.name != "secrets"]
    assert others
    assert not [path for path in others if path.stat().st_mode & 0o007]
    assert f"file: {root}/secrets/a" in (root / "services/a.yaml").read_text()
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        write(made, root)
