"""Keeping secrets out of files: what is known to be one, or looks like one, is replaced before it is written.

A secret is the value of an environment variable, or of a key in a mapping, whose name ends in KEY, SECRET, TOKEN,
PASSWORD or their plurals; the key inside a service account's file; and whatever has the shape of a JSON web token, a
bearer token, a Google API key or access token. Standard library only: the guard of every service needs it quickly.

Where a run hashes telephone numbers, they are replaced on the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loadtest.numbers import Numbers, own_numbers

__all__ = ["REDACTED", "Redactor", "keep_secret", "own_redactor", "secrets_in"]

REDACTED = "[redacted]"
SHORTEST = 8
"""Shorter values are words and numbers, and would be found everywhere."""
_NAME = re.compile(r"(?i)(?:key|secret|token|password)s?$")
_SERVICE_ACCOUNT = "GOOGLE_APPLICATION_CREDENTIALS"
_SHAPES = (
    r"eyJ[\w\-]{8,}(?:\.[\w\-]+){1,2}",  # a JSON web token
    r"AIza[\w\-]{30,}",
    r"\bya29\.[\w\-.]{8,}",
    r"(?<=[Bb]earer )[\w\-.=+/~]{8,}",
)


def secrets_in(values: Mapping[str, Any]) -> frozenset[str]:
    """The secrets among an environment, or among the keys of a nested mapping."""
    return frozenset(secret for secret in _found(values) if len(secret) >= SHORTEST)


class Redactor:
    """Replaces secrets in texts. secrets: the known ones; what has the shape of one is replaced as well.

    numbers: what hashes telephone numbers; None if they stay.
    """

    def __init__(self, secrets: Iterable[str] = (), numbers: Numbers | None = None) -> None:
        self._numbers = numbers
        forms = {form for secret in secrets for form in _forms(secret)}
        # The longest first: one secret may be the beginning of another.
        known = [re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))]
        self._pattern = re.compile("|".join([*known, *_SHAPES]))
        self._bytes = re.compile(self._pattern.pattern.encode())

    def text(self, text: str) -> str:
        text = self._pattern.sub(REDACTED, text)
        return text if self._numbers is None else self._numbers.text(text)

    def data(self, data: bytes) -> bytes:
        data = self._bytes.sub(REDACTED.encode(), data)
        return data if self._numbers is None else self._numbers.data(data)

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it redacted; keys, numbers and the shape stay."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {key: self.value(one) for key, one in value.items()}
            case list() | tuple():
                return [self.value(one) for one in value]
            case _:
                return value

    def json_line(self, line: str) -> str:
        """A line of JSON likewise; it stays JSON whatever the secrets look like."""
        if self.text(line) == line:
            return line
        return json.dumps(self.value(json.loads(line)), separators=(",", ":"))

    def safe_cut(self, data: bytes, most: int) -> int:
        """Where to cut `data`, at `most` at the latest, so that no secret is cut in two."""
        spans = (match.span() for match in self._bytes.finditer(data))
        return next((start for start, end in spans if start < most < end), most)


_kept: set[str] = set()


def keep_secret(secrets: Iterable[str]) -> None:
    """Add to what `own_redactor` knows, such as the keys that a run makes for its own services."""
    _kept.update(secret for secret in secrets if len(secret) >= SHORTEST)


def own_redactor(environ: Mapping[str, str]) -> Redactor:
    """Of this process: what its environment holds and what it was told to keep secret, and its way with numbers."""
    return _redactor(secrets_in(environ) | _kept, own_numbers())


@lru_cache(maxsize=8)
def _redactor(secrets: frozenset[str], numbers: Numbers | None) -> Redactor:
    return Redactor(secrets, numbers)


def _found(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _found(value)
        elif isinstance(value, list | tuple):
            yield from _found({f"{name}.{i}": one for i, one in enumerate(value) if isinstance(one, Mapping)})
        elif isinstance(value, str) and name == _SERVICE_ACCOUNT:
            yield from _service_account(Path(value))
        elif isinstance(value, str) and _NAME.search(name):
            yield value
            if name.upper().endswith("KEYS"):  # livekit-server's are pairs, `key: secret`
                yield from re.split(r"[\s:,]+", value)


def _service_account(path: Path) -> Iterator[str]:
    try:
        account = json.loads(path.read_bytes())
        yield account["private_key_id"]
        # Printed as it is, it comes line by line.
        yield from (line for line in account["private_key"].splitlines() if not line.startswith("-----"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield from (line for line in secret.splitlines() if len(line) >= SHORTEST)
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
