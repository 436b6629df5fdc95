"""Of a log's bytes the lines that can tell of calls: most tell nothing, and are passed over without becoming text.

A line is given if it has one of the words by which `facts` knows what is told, with the lines that belong to it; and so
is an entry of every block of some 64 KB, by which midnights are counted in a log without dates, and the log's last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from loadtest.record.agent_log.entries import Reading, begins_entry
from loadtest.record.agent_log.lines import MOST_BYTES, Line

__all__ = ["WORDS", "sifted"]

WORDS: Final = (
    b"error in receive task",
    b"error in send task",
    b"Gemini Realtime API error",
    b"Gemini server indicates disconnection soon",
    b"AgentSession is closing due to unrecoverable error",
    b"executing tool",
    b"received job request",
    b"RoomIO linked to participant",
    b"closing agent session due to participant disconnect",
    b"process exiting",
    b"EOU",
    b"REALTIME",
    b"RealtimeModel metrics",
)
"""Without what tells of event loops: it is of no use to an incident, and there can be much of it."""
_NEAR: Final = 40
"""An entry begins so soon, in lines, but for the longest tracebacks."""


def sifted(
    chunks: Iterable[bytes], file: str, reading: Reading, look: Callable[[bytes], None] = lambda _: None
) -> Iterator[Line]:
    """The lines for `entries`, which counts them in `reading`; all others are counted there by this.

    look: is shown every block of whole lines, before any line of it is given. Never fails: a line with zero bytes, or a
    line of JSON that is torn, is one that cannot be read.
    """
    number = 1
    begun = follows = False
    for raw, is_last in _with_last(_blocks(chunks)):
        block, bad = _without_zeros(raw, number) if b"\0" in raw else (raw, [])
        look(block)
        wanted = _wanted(block, is_last=is_last)
        unread = iter(sorted([*bad, *_torn(block, number, wanted)]))
        bad_line = next(unread, None)
        at, line_number, given = 0, number, 0
        ahead = iter(sorted(wanted))
        after = next(ahead, None)
        while at < len(block):
            if begun and not follows:
                while after is not None and after < at:
                    after = next(ahead, None)
                if after is None:
                    break
                line_number += block.count(b"\n", at, after)
                at = after
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            text = block[at : min(end, at + MOST_BYTES)].rstrip(b"\r").decode(errors="replace")
            begins = text.startswith("{") or begins_entry(text)
            if begins:
                begun, follows = True, at in wanted
            if follows or not begun:
                given += 1
                while bad_line is not None and bad_line < line_number:
                    reading.cannot_read(Line(file, bad_line, ""))
                    bad_line = next(unread, None)
                yield Line(file, line_number, text)
            at, line_number = end + 1, line_number + 1
        while bad_line is not None:
            reading.cannot_read(Line(file, bad_line, ""))
            bad_line = next(unread, None)
        of_block = block.count(b"\n") + (not block.endswith(b"\n"))
        reading.lines += of_block - given
        number += of_block


def _wanted(block: bytes, *, is_last: bool) -> set[int]:
    """Where the lines begin that are to be given."""
    found = set()
    for word in WORDS:
        at = block.find(word)
        while at >= 0:
            found.add(block.rfind(b"\n", 0, at) + 1)
            end = block.find(b"\n", at)
            at = -1 if end < 0 else block.find(word, end)
    if (first := _first_entry(block)) is not None:
        found.add(first)
    if is_last and (last := _last_entry(block)) is not None:
        found.add(last)
    return found


def _first_entry(block: bytes) -> int | None:
    at = 0
    for _ in range(_NEAR):
        end = block.find(b"\n", at)
        if _begins(block[at : None if end < 0 else end]):
            return at
        if end < 0:
            break
        at = end + 1
    return None


def _last_entry(block: bytes) -> int | None:
    end = len(block.rstrip(b"\n"))
    for _ in range(_NEAR):
        at = block.rfind(b"\n", 0, end) + 1
        if _begins(block[at:end]):
            return at
        if at == 0:
            break
        end = at - 1
    return None


def _begins(line: bytes) -> bool:
    return begins_entry(line[:200].decode(errors="replace"))


def _torn(block: bytes, number: int, wanted: set[int]) -> list[int]:
    """Which lines of JSON are torn: of those that are not given nothing is looked at but their ends."""
    if not block.startswith(b"{") and b"\n{" not in block:
        return []
    found, at = [], 0
    for offset, line in enumerate(block.split(b"\n")):
        if line[:1] == b"{" and line[-1:] != b"}" and not line.rstrip().endswith(b"}") and at not in wanted:
            found.append(number + offset)
        at += len(line) + 1
    return found


def _without_zeros(block: bytes, number: int) -> tuple[bytes, list[int]]:
    """Lines with zero bytes emptied, and which: what is left of a file that was cut while it was written."""
    lines = block.split(b"\n")
    found = [offset for offset, line in enumerate(lines) if b"\0" in line]
    for offset in found:
        lines[offset] = b""
    return b"\n".join(lines), [number + offset for offset in found]


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines. Of a line that does not end no more is kept than of any other."""
    rest = b""
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest = chunk[cut:]
        elif len(rest) < MOST_BYTES:
            rest += chunk
    if rest:
        yield rest


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    held: bytes | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True
