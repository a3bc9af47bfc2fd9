"""Any exception as the one message that a user gets, for every face alike."""

from __future__ import annotations

import errno

from maskloom.errors import MaskloomError, WriteError

_HINTS = {
    errno.ENOSPC: ("the disk is full", "free some space, or write to another disk"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or write to another disk"),
    errno.EACCES: ("no permission", "check the rights of the file and its folder"),
    errno.EPERM: ("not permitted", "check the rights of the file and its folder"),
    errno.EROFS: ("the disk is read-only", "write to another place"),
    errno.ENOENT: ("no such file or folder", "check the spelling of the path"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: ("is a folder where a file is needed", "check the path"),
    errno.EEXIST: ("exists already", "choose another name, or remove it first"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EMFILE: ("too many open files", "raise the limit with `ulimit -n`"),
    errno.ENFILE: ("the machine has too many open files", "close other programs, then try again"),
    errno.ENOMEM: ("not enough memory", "close other programs, then try again"),
    errno.EADDRINUSE: ("the port is in use", "choose another with --port"),
    errno.EIO: ("the disk reported an error", "check the disk"),
}
_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def explain(error: BaseException) -> MaskloomError | None:
    """What the user can mend, or None where the fault is maskloom's own."""
    if isinstance(error, MaskloomError):
        return error
    if isinstance(error, MemoryError):
        return MaskloomError(
            "not enough memory",
            seen=str(error) or None,
            hint="use smaller batches, tiles or images, or a machine with more memory",
        )
    if isinstance(error, OSError):
        known = _HINTS.get(error.errno or 0)
        what, hint = known or (error.strerror or str(error) or "cannot be read or written", "")
        kind = WriteError if error.errno in _WRITING else MaskloomError
        return kind(what, where=error.filename, hint=hint)
    return None
