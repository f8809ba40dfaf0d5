"""Places in the right balancer at which it is made wrong."""

from typing import Final

HOOK: Final = "\n\n@hookimpl"
VALIDATE: Final = "        convert(config, Settings)\n\n    @classmethod"
CONTENT: Final = "        content = self.render(clusters)\n"
INSTALL: Final = "written = self.target.install(content)"
NODES: Final = "for n in cluster.nodes]"
PREVIEW: Final = "        old = (self.target.read()"
FAILED: Final = 'return Outcome("failed", str(error))'
CHECK: Final = "            raise Refused(str(error)) from error"


def validation(code: str) -> str:
    return f"        {code}\n\n    @classmethod"


def before_sync(code: str) -> str:
    return f"        {code}\n{CONTENT}"


SEEN: Final = (
    "Path(str(config['path']) + '.' + max(config)).write_text('!') if 'pth' in config else None"
)
THREAD: Final = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
