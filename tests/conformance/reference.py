"""Renders the reference of the plugin author's API from the docstrings in the source.

``python -m tests.conformance.reference > docs/writing-plugins/reference.md``
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

MODULES = {
    "What every plugin is": ["lighthouse/plugin.py"],
    "Balancers": ["lighthouse/balancer.py"],
    "Discoveries": ["lighthouse/discovery.py"],
    "Checks": ["lighthouse/check.py"],
    "Clusters, nodes, services": [
        "lighthouse/cluster.py",
        "lighthouse/node/__init__.py",
        "lighthouse/peer.py",
        "lighthouse/service.py",
    ],
    "Files": ["lighthouse/files/target.py", "lighthouse/files/group.py"],
    "Settings": ["lighthouse/schema.py", "lighthouse/secret.py"],
    "Values for tests": ["lighthouse/testing/values.py", "lighthouse/testing/services.py"],
    "A daemon for tests": ["lighthouse/testing/tree.py", "lighthouse/testing/fixtures.py"],
    "The suite of balancers": [
        "lighthouse/testing/conformance/balancer.py",
        "lighthouse/testing/conformance/balancer_subject.py",
        "lighthouse/testing/conformance/balancer_configs.py",
        "lighthouse/testing/conformance/balancer_snapshots.py",
        "lighthouse/testing/conformance/balancer_effects.py",
        "lighthouse/testing/conformance/balancer_faults.py",
        "lighthouse/testing/conformance/balancer_kills.py",
    ],
    "The suite of discoveries": [
        "lighthouse/testing/conformance/discovery.py",
        "lighthouse/testing/conformance/discovery_subject.py",
        "lighthouse/testing/conformance/discovery_readings.py",
        "lighthouse/testing/conformance/discovery_registrations.py",
    ],
    "The suite of checks": ["lighthouse/testing/conformance/check.py"],
}

HEAD = """# Reference

Rendered from the docstrings of the source by `python -m tests.conformance.reference`; a test
compares. Times are seconds; what a method may take is its worker's `sync_timeout` (10 s by
default), `perform` its own `timeout`, `close` a few seconds. What raises is told with its
traceback and tried again; see [contract.md](contract.md).
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, paths in MODULES.items():
        parts.append(f"## {title}\n")
        for path in paths:
            parts += _module(path)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _module(path: str) -> Iterator[str]:
    body, exported = _parsed(ROOT / path)
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    name = re.sub(r"^lighthouse\.(files|testing)\..*", r"lighthouse.\1", name)
    for item, doc in _documented(body):
        if exported and getattr(item, "name", "") not in exported:
            continue
        if isinstance(item, ast.ClassDef):
            yield from _class(item, name)
        elif isinstance(item, ast.FunctionDef):
            yield f"### {item.name}\n\n`{name}.{item.name}{_signature(item)}`\n\n{doc}\n"


def _parsed(file: Path) -> tuple[list[ast.stmt], list[str]]:
    """The statements of a module; of a package those of all its modules, and what it exports."""
    if file.name != "__init__.py":
        return ast.parse(file.read_text(encoding="utf-8")).body, []
    texts = [each.read_text(encoding="utf-8") for each in sorted(file.parent.glob("*.py"))]
    body = [item for text in texts for item in ast.parse(text).body]
    assigned = [item for item in body if isinstance(item, ast.Assign)]
    listed = [item.value for item in assigned if ast.unparse(item.targets[0]) == "__all__"]
    return body, [name for value in listed for name in ast.literal_eval(value)]


def _class(item: ast.ClassDef, module: str) -> Iterator[str]:
    yield f"### {item.name}\n\n`{module}.{item.name}`\n\n{_text(ast.get_docstring(item))}\n"
    rows = []
    for member, doc in _documented(item.body, fields=_is_struct(item)):
        if isinstance(member, ast.AnnAssign):
            rows.append(f"* `{ast.unparse(member)}`{': ' if doc else ''}{_flat(doc)}")
        elif isinstance(member, ast.FunctionDef) and member.name.startswith("test_"):
            rows.append(f"* **{member.name}**: {_flat(doc)}")
        elif isinstance(member, ast.FunctionDef):
            mark = "@classmethod " if _is_class_method(member) else ""
            rows.append(f"* `{mark}{member.name}{_signature(member)}`: {_flat(doc)}")
    yield "\n".join(rows) + "\n"


def _is_class_method(item: ast.FunctionDef) -> bool:
    return any(ast.unparse(mark) == "classmethod" for mark in item.decorator_list)


def _is_struct(item: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("Struct") for base in item.bases)


def _documented(body: list[ast.stmt], fields: bool = False) -> Iterator[tuple[ast.stmt, str]]:
    """What is public and has a docstring; of a struct also its fields."""
    for item, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(item, ast.ClassDef | ast.FunctionDef):
            doc = ast.get_docstring(item)
            if not item.name.startswith("_") and doc:
                yield item, _text(doc)
        elif isinstance(item, ast.AnnAssign) and not ast.unparse(item.target).startswith("_"):
            doc = _string(following)
            if doc or fields:
                yield item, doc


def _string(item: ast.stmt | None) -> str:
    if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant):
        return _text(str(item.value.value))
    return ""


def _text(doc: str | None) -> str:
    """A docstring as Markdown: its double backquotes are single ones there."""
    text = inspect.cleandoc(doc or "").replace("``", "`")
    return re.sub(r"::\n", ":\n", text)


def _flat(doc: str) -> str:
    return " ".join(doc.split())


def _signature(item: ast.FunctionDef) -> str:
    arguments = [
        text for text in ast.unparse(item.args).split(", ") if text not in ("self", "cls")
    ]
    returns = f" -> {ast.unparse(item.returns)}" if item.returns is not None else ""
    return f"({', '.join(arguments)}){returns}"


if __name__ == "__main__":
    print(render(), end="")
