"""No listening for WebRTC over TCP: libwebrtc offers itself as a TCP server on every network interface of the machine.

Nobody ever connects there: LiveKit's media server is reached by UDP, or by TCP in the other direction. Its options are
out of reach behind the SDK, so the kernel refuses: `listen` with libwebrtc's backlog of 5, which it takes calmly. Event
loops and Go use backlogs of 100 and more, and are left alone. Standard library only, as the guard needs it quickly.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

__all__ = ["refuse_ice_tcp"]

BACKLOG = 5
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
MACHINES = {"x86_64": (0xC000003E, 50), "aarch64": (0xC00000B7, 201)}
"""Audit architecture, number of `listen`."""
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
NUMBER_AT, ARCHITECTURE_AT, SECOND_ARGUMENT_AT = 0, 4, 24


def refuse_ice_tcp() -> bool:
    """From now on, in this thread and all that it starts. False where the kernel does not offer that."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    architecture, listen = machine
    program = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 3, listen),
        (LOAD, 0, 0, SECOND_ARGUMENT_AT),
        (JUMP_IF_EQUAL, 0, 1, BACKLOG),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) == 0
    )
