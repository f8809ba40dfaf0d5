"""`lighthouse convert` as it is called, and `lighthouse check` of what it wrote."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def lighthouse(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "lighthouse.commands", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def good(tree: Path) -> None:
    checked = lighthouse("check", "-c", tree)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.needs("haproxy")
def test_nerve_and_synapse(tmp_path: Path) -> None:
    source, tree = tmp_path / "old", tmp_path / "tree"
    services = source / "nerve_services"
    services.mkdir(parents=True)
    zookeeper = {"zk_hosts": ["127.0.0.1:2181"], "zk_path": "/nerve/services/queue/services"}
    check = {"type": "rabbitmq", "username": "ops", "password": "geheim7"}
    queue = {"port": 5672, "host": "10.0.0.7", "checks": [check], **zookeeper}
    (services / "queue.json").write_text(json.dumps(queue))
    nerve = {"instance_id": "a", "service_conf_dir": "nerve_services"}
    (source / "nerve.conf.json").write_text(json.dumps(nerve))
    discovery = {"method": "zookeeper", "path": "/services/web", "hosts": ["127.0.0.1:2181"]}
    haproxy = {"port": 3213, "listen": ["mode http", "option httplog"]}
    own = {"config_file_path": f"{tmp_path}/h.cfg", "socket_file_path": f"{tmp_path}/h.sock"}
    synapse = {"services": {"web": {"discovery": discovery, "haproxy": haproxy}}, "haproxy": own}
    (source / "synapse.conf.json").write_text(json.dumps(synapse, indent="\t"))

    made = lighthouse("convert", "smartstack", source, tree)
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("6 files written, 1 thing not carried over as they are\n")
    assert "nerve.conf.json:1:2: warning: instance_id: " in made.stderr
    assert "geheim7" not in made.stdout + made.stderr
    assert (tree / "secrets/queue.rabbitmq").read_text() == "geheim7"
    good(tree)
    again = lighthouse("convert", "smartstack", source, tree)
    assert (again.returncode, again.stdout) == (1, "")
    assert "nothing is overwritten" in again.stderr


TEMPLATE = '{{range getvs "/services/web/*"}}server {{.}};\n{{end}}{{getv "/secret"}}\n'


def test_confd_with_a_template_that_is_too_much(tmp_path: Path) -> None:
    source, tree = tmp_path / "confd", tmp_path / "tree"
    for name in ("conf.d", "templates"):
        (source / name).mkdir(parents=True)
    resource = (
        f'[template]\nsrc = "a.tmpl"\ndest = "{tmp_path}/a.conf"\nreload_cmd = "/bin/true"\n'
    )
    (source / "conf.d/a.toml").write_text(resource)
    (source / "templates/a.tmpl").write_text(TEMPLATE)
    made = lighthouse("convert", "confd", source, tree)
    assert made.returncode == 0, made.stderr
    assert "a.tmpl:2:1: warning: {{ getv" in made.stderr
    good(tree)


@pytest.mark.slow
def test_consul_template(tmp_path: Path) -> None:
    source, tree = tmp_path / "ct.hcl", tmp_path / "tree"
    source.write_text(
        "template {\n  contents = <<EOH\n"
        '{{ range service "web" }}{{ .Address }}:{{ .Port }}\n{{ end }}\nEOH\n'
        f'  destination = "{tmp_path}/a.conf"\n  command = "/bin/true"\n}}\n'
    )
    made = lighthouse("convert", "consul-template", source, tree)
    assert made.returncode == 0, made.stderr
    good(tree)


@pytest.mark.slow
@pytest.mark.needs("haproxy")
def test_a_tree_of_2016(tmp_path: Path) -> None:
    source, tree = tmp_path / "old", tmp_path / "tree"
    files = {
        "haproxy.yaml": "\n".join(
            f"{name}_file: {tmp_path}/{name}  # ours" for name in ("config", "socket", "pid")
        ),
        "haproxy-proxies.yaml": f"config_file: {tmp_path}/config\n",
        "discovery/zookeeper.yaml": 'hosts: ["zk01:2181"]\npath: /lighthouse/services\n',
        "clusters/web.yml": "discovery: zookeeper\nhaproxy: {port: 8000, backend: [mode http]}\n",
        "services/web.yaml": "port: 8000\ndiscovery: zookeeper\nchecks: {http: {rise: 2}}\n",
    }
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    made = lighthouse("convert", "lighthouse-2016", source, tree)
    assert made.returncode == 0, made.stderr
    assert "haproxy-proxies.yaml:1:1: warning: " in made.stderr
    assert (tree / "balancers/haproxy.yaml").read_text() == files["haproxy.yaml"]
    good(tree)


def test_what_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    for words, said in (
        (("smartstack", tmp_path / "x.json"), "x.json:2:1: "),
        (("smartstack", tmp_path / "gone.json"), "gone.json: No such file"),
        (("confd", tmp_path), "there is no conf.d/*.toml"),
        (("lighthouse-2016", tmp_path), "none of its directories"),
        (("consul-template", tmp_path / "x.json"), "x.json:2:1: "),
    ):
        made = lighthouse("convert", *words, tmp_path / "tree")
        assert (made.returncode, said in made.stderr) == (1, True), made.stderr
        assert not (tmp_path / "tree").exists()
