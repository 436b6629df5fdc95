"""Telephone numbers in what is stored: a keyed hash stands in the place of each, the same one everywhere.

A number is what is written as one: with a plus, behind `sip_`, `sip:` or `tel:`, from the range that calls are placed
to, or one that was named beforehand. The key is in no file. Standard library only: the guard of every service needs it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Final

__all__ = [
    "NUMBER_KEY",
    "Numbers",
    "hash_numbers",
    "hashing_environ",
    "keep_numbers",
    "numbers_in",
    "own_numbers",
    "take_hashing",
]

NUMBER_KEY: Final = "LOADTEST_NUMBER_KEY"
"""The user's own key, by which runs can be joined."""
_HASHING: Final = "LOADTEST_HASH_NUMBERS"
"""Key and known numbers, for processes of a run that hashes them."""
_WRITTEN = r"(?<![0-9A-Za-z.])(?P<plus>\+|%2[Bb])[1-9](?:[ ().-]{0,2}[0-9]){6,14}(?![0-9A-Za-z])"
_DIGITS = r"(?<![0-9A-Za-z.])(?P<scheme>(?:sip[_:]|tel:)(?:\+|%2[Bb])?)?(?P<digits>[0-9]{7,15})(?![0-9A-Za-z]|\.[0-9])"
_FICTION = re.compile(r"1[2-9][0-9]{2}55501[0-9]{2}")
_A_NUMBER = re.compile(r"\+?[0-9](?:[ ().-]{0,2}[0-9]){6,14}")


class Numbers:
    """Hashes numbers by a key. known: numbers to be found also where nothing says that they are some."""

    def __init__(self, key: str, known: Iterable[str] = ()) -> None:
        self.key = key
        self.known = {_digits(number) for number in known}
        self._text = re.compile(f"{_WRITTEN}|{_DIGITS}")
        self._bytes = re.compile(self._text.pattern.encode())

    def learn(self, number: str) -> None:
        """Find this number from now on, too."""
        if _A_NUMBER.fullmatch(number):
            self.known.add(_digits(number))

    def hashed(self, number: str) -> str:
        """What stands for a number, however that is written."""
        return f"h{hmac.new(self.key.encode(), _digits(number).encode(), hashlib.sha256).hexdigest()[:12]}"

    def digest(self, text: str) -> str:
        """A keyed hash of anything from which a number could be guessed; 64 hex digits, as sha256 has."""
        return hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def text(self, text: str) -> str:
        return self._text.sub(lambda found: self._replaced(found[0], found["plus"], found["scheme"]), text)

    def data(self, data: bytes) -> bytes:
        def replaced(found: re.Match[bytes]) -> bytes:
            plus, scheme = (None if part is None else part.decode() for part in (found["plus"], found["scheme"]))
            return self._replaced(found[0].decode(), plus, scheme).encode()

        return self._bytes.sub(replaced, data)

    def _replaced(self, found: str, plus: str | None, scheme: str | None) -> str:
        number = found.removeprefix(scheme or "")
        if plus or scheme or _digits(number) in self.known or _FICTION.fullmatch(number):
            return f"{scheme or ''}{self.hashed(number)}"
        return found


def numbers_in(values: Any) -> Iterator[str]:
    """The texts and whole numbers among nested values that could be telephone numbers."""
    if isinstance(values, Mapping):
        values = values.values()
    if isinstance(values, str | int):
        if _A_NUMBER.fullmatch(str(values)):
            yield str(values)
    elif isinstance(values, Iterable):
        for value in values:
            yield from numbers_in(value)


_own: Numbers | None = None


def own_numbers() -> Numbers | None:
    """By what this process hashes numbers; None if it stores them as they are."""
    return _own


def hash_numbers(known: Iterable[str]) -> None:
    """From now on this process hashes numbers: by the user's key, or one that ends with it."""
    global _own  # noqa: PLW0603  # whatever writes into the run's folder must do it
    _own = Numbers(os.environ.get(NUMBER_KEY) or secrets.token_hex(32), known)


def keep_numbers() -> None:
    """From now on this process stores numbers as they are, as it does at first."""
    global _own  # noqa: PLW0603  # as above
    _own = None


def hashing_environ() -> dict[str, str]:
    """What a process that writes into this run's folder finds in its environment."""
    return {} if _own is None else {_HASHING: json.dumps({"key": _own.key, "known": sorted(_own.known)})}


def take_hashing(environ: MutableMapping[str, str]) -> None:
    """Hash numbers in this process as its environment says, and take keys out of it: what it starts has no need."""
    global _own  # noqa: PLW0603  # as above
    told = environ.pop(_HASHING, None)
    environ.pop(NUMBER_KEY, None)
    if told is not None:
        _own = Numbers(**json.loads(told))


def _digits(number: str) -> str:
    digits = re.sub(r"[^0-9]", "", number.replace("%2B", "+").replace("%2b", "+"))
    return digits.removeprefix("00")
