"""Agents trust the simulated endpoints, the public ones, and those the arm names; nobody else."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
import trustme

from loadtest.errors import StackError
from loadtest.stack.tls import write_ca_bundle, write_server_tls


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    """Raises ssl.SSLError where the client doesn't trust the server."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=host) as wrapped:
            wrapped.version()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_client_with_the_bundle_trusts_the_server(tmp_path: Path, host: str) -> None:
    tls = write_server_tls(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tls.cert, tls.key)
    write_ca_bundle(tmp_path / "bundle.pem", ca_pem=tls.ca_pem)
    handshake(server, ssl.create_default_context(cafile=tmp_path / "bundle.pem"), host)
    write_ca_bundle(tmp_path / "without.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, ssl.create_default_context(cafile=tmp_path / "without.pem"), host)


def test_the_key_is_private(tmp_path: Path) -> None:
    assert stat.S_IMODE(write_server_tls(tmp_path).key.stat().st_mode) == 0o600


def test_the_bundle_holds_public_and_named_authorities(tmp_path: Path) -> None:
    named = trustme.CA(organization_name="named by the arm").cert_pem
    named.write_to_path(str(tmp_path / "ca.pem"))
    write_ca_bundle(tmp_path / "bundle.pem", ca_files=(tmp_path / "ca.pem",))
    loaded = ssl.create_default_context(cafile=tmp_path / "bundle.pem").get_ca_certs()
    names = {part for entry in loaded for pair in entry["subject"] for part in pair[0]}
    assert "named by the arm" in names
    assert len(loaded) > 50


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), (b"hello", "no PEM certificate")])
def test_an_unusable_ca_file_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StackError, match=says) as raised:
        write_ca_bundle(tmp_path / "bundle.pem", ca_files=(file,))
    assert str(file) in raised.value.message
