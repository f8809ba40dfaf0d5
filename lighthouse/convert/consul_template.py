"""Consul-template's configuration: HCL or JSON, with the templates that it names."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lighthouse.convert.conversion import Conversion, Keys
from lighthouse.convert.places import Places
from lighthouse.convert.source import ENDINGS, SourceFault, read
from lighthouse.convert.templates import Made, add, of_consul

_GLOBAL: Final = {
    "template": "",
    "wait": "`min_interval`: a change is written at once, and then once a second",
    "log_level": "`log_level` of lighthouse.yaml",
    "pid_file": "`run_dir` of lighthouse.yaml",
    "reload_signal": "SIGHUP",
    "kill_signal": "SIGTERM",
    "max_stale": "what is known stays: `on_source_loss`",
    "deduplicate": "hosts need not agree on what each of them writes",
    "syslog": "logging.yaml",
    "vault": "nothing here reads secrets",
    "exec": "Lighthouse runs no software of others: have a service manager run it",
}
_TEMPLATE: Final = {
    "backup": "what is replaced is kept as .NAME.1",
    "wait": "`min_interval` of the balancer",
    "create_dest_dirs": "the directory has to exist",
    "error_on_missing_key": "a name that is not there is always an error",
    "left_delimiter": "templates with other delimiters are not converted",
    "right_delimiter": "templates with other delimiters are not converted",
}


def convert(paths: Iterable[Path]) -> Conversion:
    """Return what the files are here; of a directory all of them. Raises ``SourceFault``."""
    to = Conversion()
    places = Places(to, ())
    address, made = None, list[Made]()
    for path in paths:
        for file in _files(path):
            document = read(file)
            keys = Keys(to, document, (), document.data)
            for consul in keys.items("consul"):
                address = consul.text("address") or address
                consul.end({"retry": "everything is retried for ever"})
            for template in keys.items("template"):
                found = _template(file, template)
                if found is not None:
                    made.append(found)
            keys.end(_GLOBAL)
    if not made:
        raise SourceFault(f"{', '.join(map(str, paths))}: there is no template in it")
    add(to, made, of_consul(places, address))
    return to


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in ENDINGS)


def _template(file: Path, keys: Keys) -> Made | None:
    target = keys.text("destination")
    text, source = keys.text("contents"), keys.text("source")
    place, lines = str(file), keys.line("contents") - (0 if text and "\n" in text else 1)
    if text is None and source is not None:
        given = Path(source)
        found = next((p for p in (given, file.parent / given.name) if p.is_file()), None)
        if found is None:
            keys.leave("source", f"{source} is not there, nor {given.name} beside the file")
            return None
        text, place, lines = found.read_text(encoding="utf-8"), str(found), 0
    if text is None or target is None:
        keys.say("a template needs a destination, and source or contents: left out")
        return None
    mode = keys.text("perms")
    command = _line(keys.texts("command"))
    for run in keys.items("exec"):
        command = _line(run.texts("command")) or command
        run.end({"timeout": "`timeout` of the balancer"})
    keys.end(_TEMPLATE)
    mode = None if mode is None else mode.removeprefix("0o").rjust(4, "0")
    return Made(text, place, lines, target, mode, None, None, None, command or None)


def _line(words: list[str]) -> str:
    """A command as a shell has it; one text is that already."""
    return words[0] if len(words) == 1 else shlex.join(words)
