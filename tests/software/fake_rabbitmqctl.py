"""A program in the place of ``rabbitmqctl``: it answers what the real one was seen to answer."""

import os
import pwd
from pathlib import Path
from typing import Any

TRANSCRIPTS = Path(__file__).parent / "rabbitmqctl"

PROGRAM = """#!/bin/sh
node=local
if [ "$1" = -n ]; then node=$2; shift 2; fi
echo "$node $*" >> {root}/calls
for place in {root}/$node/$1 {root}/any/$1; do
    [ -f "$place" ] || continue
    [ -f "$place.then" ] && sh "$place.then"
    sed 1d "$place"
    exit "$(sed -n '1s/exit status //p' "$place")"
done
sed 1d {root}/down
exit 69
"""


def transcript(name: str) -> str:
    """A recorded answer such as ``3.10/three``."""
    return (TRANSCRIPTS / f"{name}.txt").read_text()


def printed(name: str) -> tuple[int, str]:
    """Its exit status, and what it printed."""
    first, _, rest = transcript(name).partition("\n")
    return int(first.removeprefix("exit status ")), rest


class FakeControl:
    """Answers by command and node; whom nobody has told anything is down."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.root = root
        self.program = root / "rabbitmqctl"
        self.program.write_text(PROGRAM.format(root=root))
        self.program.chmod(0o755)
        (root / "conf.d").mkdir(exist_ok=True)
        (root / "down").write_text(transcript("3.10/down"))
        self.cookie = root / "cookie"
        self.cookie.write_text("LIGHTHOUSETESTCOOKIE")
        self.cookie.chmod(0o400)

    def answers(self, command: str, name: str, node: str = "any", then: str = "") -> None:
        """Have a command answer so from now on; ``then`` is shell that runs just before."""
        self.says(command, transcript(name), node, then)

    def says(self, command: str, text: str, node: str = "any", then: str = "") -> None:
        """The same with a text that begins with its exit status."""
        place = self.root / node / command
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        place.with_name(f"{command}.then").unlink(missing_ok=True)
        if then:
            place.with_name(f"{command}.then").write_text(then)

    @property
    def calls(self) -> list[str]:
        """``NODE COMMAND ARGUMENTS`` of each call."""
        kept = self.root / "calls"
        return kept.read_text().splitlines() if kept.exists() else []

    def commands(self) -> list[str]:
        """Only the commands."""
        return [call.split()[1] for call in self.calls]

    def settings(self, **others: Any) -> dict[str, Any]:
        """What the balancer's file says on such a host."""
        return {
            "peers_file": str(self.root / "conf.d" / "90-lighthouse.conf"),
            "rabbitmqctl": str(self.program),
            "cookie_file": str(self.cookie),
            "state_file": str(self.root / "state.json"),
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "local_node": "r1@localhost",
            "interval": 0,
            "timeout": 5,
            **others,
        }
