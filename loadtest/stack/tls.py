"""TLS for the simulated endpoints: a certificate authority that lives as long as the stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme

from loadtest.errors import StackError
from loadtest.stack.ports import LOOPBACK

__all__ = ["ServerTls", "write_ca_bundle", "write_server_tls"]


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a TLS server on loopback needs: PEM files, and what its clients have to trust (PEM)."""

    cert: Path
    key: Path
    ca_pem: bytes


def write_server_tls(folder: Path) -> ServerTls:
    """Make a certificate for 127.0.0.1 and localhost; write it and its key (mode 0600) into `folder`."""
    authority = trustme.CA(organization_name="loadtest, simulated endpoints")
    issued = authority.issue_cert(LOOPBACK, "localhost")
    cert, key = folder / "server.pem", folder / "server.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.touch(mode=0o600)
    key.write_bytes(issued.private_key_pem.bytes())
    return ServerTls(cert, key, authority.cert_pem.bytes())


def write_ca_bundle(path: Path, *, ca_pem: bytes = b"", ca_files: tuple[Path, ...] = ()) -> None:
    """Write what agents trust: the public authorities, `ca_pem`, `ca_files`. Raises StackError for an unusable file."""
    parts = [Path(certifi.where()).read_bytes(), ca_pem]
    for file in ca_files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise StackError(
                f"cannot read the certificates in {file}: {error.strerror}", remedy="Correct the arm's ca_file."
            ) from error
        if b"-----BEGIN CERTIFICATE-----" not in content:
            raise StackError(f"{file} has no PEM certificate in it", remedy="Give a ca_file in PEM format.")
        parts.append(content)
    path.write_bytes(b"\n".join(parts))
