"""The shells whose scripts Lighthouse has: click's own, and a bash that knows of colons."""

import os
from typing import Final

from click import Command
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

PROGRAM: Final = "lighthouse"
VARIABLE: Final = "_LIGHTHOUSE_COMPLETE"

_BASH: Final = r"""%(complete_func)s() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" type value word prefix=""
    word="${line##*[[:space:]]}"
    # Bash takes what stands behind a colon for a word of its own.
    if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        prefix="${word%%"${word##*:}"}"
    fi
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case "$type" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$prefix"}") ;;
        esac
    done < <(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1" 2>/dev/null)
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null ||
    complete -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Nodes are ``HOST:PORT``, so the line is split here, and not where bash would."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words[1:], incomplete


SHELLS: Final[dict[str, type[ShellComplete]]] = {
    "bash": Bash,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


def script(shell: str, main: Command) -> str:
    """What a shell has to run so that it completes the command."""
    made = SHELLS[shell](main, {}, PROGRAM, VARIABLE)
    return made.source_template % made.source_vars()
