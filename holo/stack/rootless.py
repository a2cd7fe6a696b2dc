"""As whom a child runs: PostgreSQL refuses root, so a root shell runs it under another id.

First choice is a user namespace that maps our own id to another one: files stay root's for the kernel, so a
checkout that only root may enter works in place. Where namespaces are refused, a real unprivileged user.
"""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
# Ids that machines have in /etc/passwd; initdb looks its own id up there.
_CANDIDATES = ("daemon", "nobody")


class Way(Enum):
    """How a child gets its id."""

    SAME = "same"
    NAMESPACE = "namespace"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The id under which a child runs, and how it gets there."""

    way: Way
    uid: int
    gid: int

    @property
    def switches_user(self) -> bool:
        """Return whether the kernel sees another user, who needs files of its own."""
        return self.way is Way.USER


def same_identity() -> Identity:
    """Return the identity of the running process."""
    return Identity(way=Way.SAME, uid=os.geteuid(), gid=os.getegid())


def unprivileged_identity(way: Way | None = None) -> Identity | None:
    """Return an identity that PostgreSQL accepts, or None when this machine offers none; `way` forces one."""
    if os.geteuid() != 0:
        return same_identity()
    user = _unprivileged_user()
    if user is None:
        return None
    if way is None:
        way = Way.NAMESPACE if _namespaces_allowed() else Way.USER
    return Identity(way=way, uid=user.pw_uid, gid=user.pw_gid)


def child_setup(identity: Identity, death_signal: signal.Signals) -> Callable[[], None]:
    """Return what a child does between fork and exec: take its identity, then ask to die with its parent."""
    parent = os.getpid()

    def setup() -> None:
        if identity.way is Way.NAMESPACE:
            _enter_namespace(identity)
        # After the change of credentials, which clears the setting.
        _die_with(parent, death_signal)

    return setup


def _unprivileged_user() -> pwd.struct_passwd | None:
    for name in _CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return next((user for user in pwd.getpwall() if user.pw_uid != 0), None)


def _enter_namespace(identity: Identity) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused")
    # The kernel takes a group map only after setgroups is given up.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{identity.uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{identity.gid} {outer_gid} 1")


def _die_with(parent: int, death_signal: signal.Signals) -> None:
    if not sys.platform.startswith("linux"):
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


@cache
def _namespaces_allowed() -> bool:
    """Try it in a child of our own: kernels, containers and security modules refuse in different ways."""
    user = _unprivileged_user()
    if user is None or not hasattr(_LIBC, "unshare"):
        return False
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace(Identity(way=Way.NAMESPACE, uid=user.pw_uid, gid=user.pw_gid))
            os._exit(0 if os.geteuid() == user.pw_uid else 1)
        except OSError:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0
