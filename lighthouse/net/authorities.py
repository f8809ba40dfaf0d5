"""Where this host keeps the authorities that it trusts, for libraries with a list of their own."""

import os
import ssl
from typing import Final

_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
)


def bundle() -> str:
    """The PEM file of the system's authorities; raises ``OSError`` if it cannot be found."""
    known = ssl.get_default_verify_paths().cafile
    for path in (known, *_BUNDLES):
        if path is not None and os.path.isfile(path):
            return path
    raise OSError("the system's authorities were not found; name them with 'ca_file'")
