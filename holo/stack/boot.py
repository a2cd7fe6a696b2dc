"""Whether the machine was started anew since Temporal's store was last known to agree with the rows."""

from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str | None:
    """Return the kernel's id of this start of the machine; None where there is no such thing."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


class StoreCheck:
    """Remembers, beside a store, the start of the machine in which it was last checked."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._note = store.with_suffix(".boot")
        self._boot = boot_id()

    @property
    def possible(self) -> bool:
        """Return whether a new start of the machine can be told at all."""
        return self._boot is not None

    def is_due(self) -> bool:
        """Return whether the store may have lost its last moments; a new store has none."""
        if not self._store.exists():
            self.done()
        return self.possible and self._noted() != self._boot

    def done(self) -> None:
        """Note that the store agrees with the rows."""
        if self._boot is not None:
            self._note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._note.write_text(self._boot, encoding="ascii")

    def _noted(self) -> str | None:
        try:
            return self._note.read_text(encoding="ascii").strip()
        except OSError:
            return None
