"""A balancer that is right."""

from typing import Final

RIGHT: Final = """
import difflib
import subprocess
from pathlib import Path

import msgspec

from lighthouse import hookimpl
from lighthouse.balancer import APPLIED, UNCHANGED, Balancer, Outcome, Preview
from lighthouse.files import FileTarget, NotActivated, Refused
from lighthouse.schema import convert


class Settings(msgspec.Struct, frozen=True):
    path: str
    header: str = "kept"
    check: tuple[str, ...] = ("true",)


class Section(msgspec.Struct, frozen=True):
    domain: str


class Own(Balancer):
    @classmethod
    def validate_config(cls, config):
        convert(config, Settings)

    @classmethod
    def validate_cluster_config(cls, config):
        convert(config, Section)

    def apply_config(self, config):
        self.settings = convert(config, Settings)
        self.target = FileTarget(self.settings.path, self.validate)

    def validate(self, candidate):
        command = [*self.settings.check, str(candidate)]
        try:
            subprocess.run(command, check=True, timeout=1, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise Refused(str(error)) from error

    def sync_file(self, clusters):
        content = self.render(clusters)
        try:
            written = self.target.install(content)
        except Refused as error:
            return Outcome("failed", str(error))
        return APPLIED if written else UNCHANGED

    def render(self, clusters):
        lines = ["# " + self.settings.header]
        for cluster in clusters:
            if cluster.config is not None:
                lines += [f"{n.ip} {n.host}.{cluster.config['domain']}" for n in cluster.nodes]
        return ("\\\\n".join(lines) + "\\\\n").encode()

    def preview(self, clusters):
        old = (self.target.read() or b"").decode().splitlines()
        new = self.render(clusters).decode().splitlines()
        return Preview("\\\\n".join(difflib.unified_diff(old, new, lineterm="")))


@hookimpl
def lighthouse_balancer():
    return Own
""".replace("\\\\n", "\\n")
