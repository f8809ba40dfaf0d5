"""How a check's settings are said to libpq."""

from psycopg.conninfo import make_conninfo

from lighthouse.net.authorities import bundle
from lighthouse.net.connection import Address
from lighthouse.net.tls import Tls

_NOWHERE = "/dev/null/none"
"""No file: without it libpq would look for authorities in the home directory."""


def conninfo(
    host: str, addresses: list[Address], tls: bool | Tls, login: dict[str, str | None]
) -> str:
    """A connection string; what it names is not taken from the environment (``PGHOST`` ...).

    The addresses are given beside the name, for libpq's own look-up cannot be bounded. Raises
    ``OSError`` if the authorities are not there.
    """
    found = list(dict.fromkeys((place[0], place[1]) for _, place in addresses))
    name = tls.server_name if isinstance(tls, Tls) and tls.server_name else host
    return make_conninfo(
        host=",".join([name] * len(found)),
        hostaddr=",".join(address for address, _ in found),
        port=str(found[0][1]),
        application_name="lighthouse",
        target_session_attrs="any",
        gssencmode="disable",
        client_encoding="UTF8",
        options="",
        **encryption(tls),
        **{key: value for key, value in login.items() if value is not None},
    )


def encryption(tls: bool | Tls) -> dict[str, str]:
    """The ``ssl*`` parameters: off, on with any certificate, or verified as everywhere else."""
    if tls is False:
        return {"sslmode": "disable"}
    wanted = Tls() if tls is True else tls
    own = {}
    if wanted.cert_file is not None:
        own = {"sslcert": wanted.cert_file, "sslkey": wanted.key_file or wanted.cert_file}
    if not wanted.verify:
        return {"sslmode": "require", "sslrootcert": _NOWHERE, **own}
    return {"sslmode": "verify-full", "sslrootcert": wanted.ca_file or bundle(), **own}
