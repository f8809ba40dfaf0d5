"""Who may be answered, and what browsers are told not to do: pure decisions."""

import hmac
import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]*\]|[^:\[\]@,\s]+)(:[0-9]*)?")

SHORTEST_TOKEN: Final = 16
"""Characters; a shorter one could be guessed."""

CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""Of each response."""


def is_own_name(host: str, names: Collection[str]) -> bool:
    """Return True if a ``Host`` header names this page, whatever the port.

    An address is no name that somebody else could have point here, nor is ``localhost``; any
    other has to be one of ``names``, since a stranger's page could be served under it.
    """
    found = _HOST.fullmatch(host.strip().lower())
    if found is None:
        return _is_address(host)
    name = found["name"].removeprefix("[").removesuffix("]").removesuffix(".")
    return name == "localhost" or name in names or _is_address(name)


def is_own_origin(origin: str | None, site: str | None, host: str) -> bool:
    """Return True if a request comes from a page of this host, or from no page at all.

    ``origin`` and ``site`` are the headers ``Origin`` and ``Sec-Fetch-Site``, if there are any.
    """
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or origin.partition("://")[2].lower() == host.lower()


def is_token(given: str, token: str) -> bool:
    """Return True if an ``Authorization`` header carries the token; no time tells how much."""
    scheme, _, said = given.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        said.strip().encode(), token.encode()
    )


def flaw(token: str) -> str:
    """Why a token is not fit to be one, empty if it is."""
    if len(token) < SHORTEST_TOKEN:
        return f"has less than {SHORTEST_TOKEN} characters: `openssl rand -hex 24` makes one"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "has characters that cannot be sent: `openssl rand -hex 24` makes one"
    return ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
