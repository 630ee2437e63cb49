"""Client secrets: minted over REST, bound to a session configuration, reusable until they expire (recorded)."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

#: If a client mints more secrets than this, the oldest are deleted.
MAX_SECRETS = 100_000


class SecretRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a client secret gives access to."""

    key: str
    """The API key it was minted with, which also determines its scenario."""
    dialect: str
    kind: str
    model: str | None
    config: dict[str, Any]
    """The session object of the request, in the dialect of the request."""
    expires_at: float


class SecretStore(Protocol):
    """Where client secrets are kept between minting and use: in memory, or in files that several workers share."""

    def add(self, record: SecretRecord) -> str:
        """Create a secret for this record and return it."""
        ...

    def find(self, secret: str, now: float) -> SecretRecord | None:
        """Return the record of a secret; None if it is unknown, or expired at Unix time `now`."""
        ...


def _new_secret() -> str:
    """The only value in the simulator that no seed determines: a secret must not be predictable."""
    return f"ek_{secrets.token_hex(16)}"


class MemorySecretStore:
    """Keeps client secrets in memory, for one process."""

    def __init__(self) -> None:
        self._records: MutableMapping[str, SecretRecord] = {}

    def add(self, record: SecretRecord) -> str:
        """Create a secret for this record and return it."""
        if len(self._records) >= MAX_SECRETS:
            del self._records[next(iter(self._records))]
        secret = _new_secret()
        self._records[secret] = record
        return secret

    def find(self, secret: str, now: float) -> SecretRecord | None:
        """Return the record of a secret; None if it is unknown, or expired at Unix time `now`."""
        record = self._records.get(secret)
        if record is not None and record.expires_at <= now:
            del self._records[secret]
            return None
        return record


class FolderSecretStore:
    """Keeps client secrets in files, for several processes: one file for each secret, readable by this user only.

    A file contains the whole API key that the secret was minted with, because the key selects the scenario.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, secret: str) -> Path:
        return self._folder / hashlib.sha256(secret.encode()).hexdigest()

    def add(self, record: SecretRecord) -> str:
        """Create a secret for this record and return it. The file is written atomically."""
        secret = _new_secret()
        path = self._path(secret)
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(record))
        part.rename(path)
        return secret

    def find(self, secret: str, now: float) -> SecretRecord | None:
        """Return the record of a secret; None if it is unknown, or expired at Unix time `now`."""
        path = self._path(secret)
        try:
            record = msgspec.json.decode(path.read_bytes(), type=SecretRecord)
        except FileNotFoundError:
            return None
        if record.expires_at <= now:
            path.unlink(missing_ok=True)
            return None
        return record
