"""``logging.yaml``: the content of Python's ``logging.config.dictConfig``."""

from typing import Final

from lighthouse.config.schema.keys.table import ConfigKey, KeyTable
from lighthouse.config.schema.keys.values import ANY_LEVEL, FLAG, VERSION

_ANY: Final = KeyTable(open=True)
_LEVELED: Final = KeyTable({"level": ConfigKey(ANY_LEVEL, "This and what is worse.")}, open=True)

LOGGING: Final = KeyTable(
    {
        "version": ConfigKey(VERSION, "Of this format: 1.", required=True, hint="version: 1"),
        "formatters": ConfigKey(KeyTable(others=_ANY), "How lines look, by name."),
        "filters": ConfigKey(KeyTable(others=_ANY), "What is let pass, by name."),
        "handlers": ConfigKey(
            KeyTable(others=_LEVELED), "Where lines go, by name: a class and its arguments."
        ),
        "loggers": ConfigKey(
            KeyTable(others=_LEVELED), "Which handlers the lines of a part of the daemon go to."
        ),
        "root": ConfigKey(_LEVELED, "The same for all lines."),
        "incremental": ConfigKey(FLAG, "Change levels only. False if left out."),
        "disable_existing_loggers": ConfigKey(
            FLAG, "Whether loggers that are not named here fall silent. True if left out."
        ),
    }
)
