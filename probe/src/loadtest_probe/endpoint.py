"""Which host a realtime session's google-genai client connects to, as its settings say."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

__all__ = ["endpoint_host"]


def endpoint_host(rt_session: Any) -> str | None:
    """The host's name in small letters, without port; None when the client does not tell."""
    try:
        url = _websocket_url(rt_session._client._api_client)
        return urlsplit(url).hostname or None
    except Exception:  # another generation of the client, or none of Google's
        return None


def _websocket_url(api_client: Any) -> str:
    # What the client itself makes its websocket's address from, mutual TLS and all.
    url = api_client._websocket_base_url()
    return url.decode() if isinstance(url, bytes) else str(url)
