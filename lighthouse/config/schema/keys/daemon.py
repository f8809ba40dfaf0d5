"""``lighthouse.yaml``, and the ``worker`` map that plugins' files have too."""

from typing import Final

from lighthouse.config.schema.keys.table import (
    ConfigKey,
    KeyTable,
    OneOrMany,
    Switchable,
    ValueKind,
)
from lighthouse.config.schema.keys.values import (
    ADDRESS,
    FLAG,
    GROUP_NUMBER,
    LEVEL,
    LOG_FORMAT,
    MEMORY,
    METADATA,
    NAME,
    PATH,
    USER,
    USER_NUMBER,
    seconds,
    whole,
)
from lighthouse.config.schema.web import PORT as WEB_PORT
from lighthouse.config.schema.web import host_name, listen_address

LISTEN: Final = ValueKind(
    listen_address,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 65535},
            {"type": "string", "pattern": "^[^:]+(:[0-9]+)?$|:.*:"},
        ]
    },
)
HOST_NAME: Final = ValueKind(host_name, {"type": "string", "pattern": "^[A-Za-z0-9.-]+$"})

WORKER: Final = KeyTable(
    {
        "user": ConfigKey(
            USER,
            "The account that the process runs as, with the groups that it has. Only a daemon of "
            "root can run another's; it then runs workers as the account lighthouse, if there is "
            "one, unless this names another.",
        ),
        "memory": ConfigKey(
            MEMORY,
            "Bytes, or a text such as 256M: a process that is larger is restarted. At least 32M; "
            "512M if left out.",
        ),
        "sync_timeout": ConfigKey(
            seconds(0.1),
            "A plugin that neither returns from its work nor says that it goes on for so long is "
            "restarted. 10s if left out.",
        ),
        "stop_timeout": ConfigKey(seconds(), "How long a clean stop may take. 5s if left out."),
        "start_timeout": ConfigKey(
            seconds(0.1),
            "How long a start may take, its import included. 15s if left out.",
        ),
        "processes": ConfigKey(
            whole(8, 100_000),
            "How many processes its session may have for more than ten seconds. 256 if left out.",
        ),
        "zombies": ConfigKey(
            whole(1, 100_000),
            "How many ended children it may leave unreaped for longer than ten seconds. 32 if "
            "left out.",
        ),
        "threads": ConfigKey(
            whole(8, 100_000),
            "How many threads it may have for longer than ten seconds. 1024 if left out.",
        ),
        "descriptors": ConfigKey(
            whole(64, 1_000_000),
            "How many files and connections it may have open for longer than ten seconds. 4096 if "
            "left out.",
        ),
        "log_lines": ConfigKey(
            whole(1, 100_000),
            "How many lines a second are logged of what it prints; the rest is counted and left "
            "out. 100 if left out.",
        ),
        "new_privileges": ConfigKey(
            FLAG,
            "With a user: whether what the worker starts may have more rights than that account "
            "(sudo, programs with set-user-id). False if left out.",
        ),
    }
)

_ACCOUNTS: Final = KeyTable(
    {
        "users": ConfigKey(OneOrMany(USER_NUMBER), "Names of accounts of this host."),
        "groups": ConfigKey(OneOrMany(GROUP_NUMBER), "Names of groups of this host."),
    }
)

_WEB: Final = KeyTable(
    {
        "listen": ConfigKey(
            LISTEN, f"IP:PORT, an address or a port alone. 127.0.0.1:{WEB_PORT} if left out."
        ),
        "token_file": ConfigKey(
            PATH,
            "A file with what a caller has to know to have something done, at least 16 "
            "characters, which not everybody may read; nobody can if left out.",
        ),
        "allowed_hosts": ConfigKey(
            OneOrMany(HOST_NAME),
            "Names under which the page may be called, besides addresses, localhost and the "
            "host's own name.",
        ),
        "worker": ConfigKey(WORKER, "The limits of this process; as for all if left out."),
    }
)

DAEMON: Final = KeyTable(
    {
        "run_dir": ConfigKey(
            PATH,
            "Where the pid file and the control socket are. /run/lighthouse for /etc/lighthouse, "
            "else a directory for each tree. Read at start.",
        ),
        "state_dir": ConfigKey(
            PATH,
            "Where the last known nodes and the last good configuration are kept. "
            "/var/lib/lighthouse for /etc/lighthouse, else state in the run_dir. Read at start.",
        ),
        "advertise": ConfigKey(
            ADDRESS,
            "The IP address under which others reach this host; the address of the default route "
            "if left out.",
        ),
        "metadata": ConfigKey(
            METADATA,
            "What this host is, such as {zone: a}: published with every node that it registers, "
            "below what the service says itself. Clusters may prefer nodes like it.",
        ),
        "stop_timeout": ConfigKey(
            seconds(),
            "How long a stop may take in all, once the traffic had its drain_delay. 10s if left "
            "out.",
        ),
        "drain_delay": ConfigKey(
            seconds(),
            "How long the daemon lives on after a stop has deregistered the services, so that "
            "others move their traffic away first. 0 if left out.",
        ),
        "deregister_on_stop": ConfigKey(
            FLAG,
            "False leaves registrations at a stop until they expire, for those who stop only to "
            "start again. True if left out.",
        ),
        "worker": ConfigKey(WORKER, "The defaults for every worker process."),
        "log_file": ConfigKey(PATH, "Where the daemon logs to; stderr if left out."),
        "log_level": ConfigKey(LEVEL, "What is logged: this and what is worse. info if left out."),
        "log_format": ConfigKey(LOG_FORMAT, "How a line is written. text if left out."),
        "control": ConfigKey(
            KeyTable(
                {
                    "read": ConfigKey(_ACCOUNTS, "Who may ask: status, explain, plan, wait."),
                    "act": ConfigKey(
                        _ACCOUNTS, "Who may have the daemon act (down, up ...), and ask."
                    ),
                }
            ),
            "Who besides root and the daemon's own user may use the control socket; nobody if "
            "left out.",
        ),
        "web": ConfigKey(
            Switchable(_WEB),
            "The status page and the metrics, in a process of their own; none if left out.",
        ),
    }
)

PLUGIN: Final = KeyTable(
    {
        "plugin": ConfigKey(
            NAME, "Which plugin runs in this worker, by its name; the file's name if left out."
        ),
        "worker": ConfigKey(WORKER, "The limits of this process; as in lighthouse.yaml."),
    },
    open=True,
)
"""A file of ``balancers/`` or ``discovery/``; all other keys are the plugin's."""
