"""Ephemeral secrets: minted over REST, bound to a session, good until they expire, reusable until then (recorded)."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

#: More live secrets than this in one simulator is a leak of its client; the oldest go.
MAX_SECRETS = 100_000


class SecretRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a secret opens."""

    key: str
    """The API key that minted it: its scenario goes with it."""
    dialect: str
    kind: str
    model: str | None
    config: dict[str, Any]
    """The session object it is bound to, as the client gave it."""
    expires_at: float


class SecretStore(Protocol):
    """Where secrets are kept."""

    def add(self, minted: SecretRecord) -> str:
        """Make a secret for this and give it."""
        ...

    def find(self, secret: str, now: float) -> SecretRecord | None:
        """Give what a secret opens; None when it is unknown or expired."""
        ...


def _new_secret() -> str:
    """The only random thing here: a secret that repeats from a seed would be none."""
    return f"ek_{secrets.token_hex(16)}"


class MemorySecretStore:
    """Secrets of one process."""

    def __init__(self) -> None:
        self._kept: MutableMapping[str, SecretRecord] = {}

    def add(self, minted: SecretRecord) -> str:
        """Make a secret for this and give it."""
        if len(self._kept) >= MAX_SECRETS:
            del self._kept[next(iter(self._kept))]
        secret = _new_secret()
        self._kept[secret] = minted
        return secret

    def find(self, secret: str, now: float) -> SecretRecord | None:
        """Give what a secret opens; None when it is unknown or expired."""
        minted = self._kept.get(secret)
        if minted is not None and minted.expires_at <= now:
            del self._kept[secret]
            return None
        return minted


class FolderSecretStore:
    """Secrets shared by several processes: a file each, for this user only, in a folder that the simulator owns.

    A file holds the API key that minted the secret, whole, because it says which scenario the secret gets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, secret: str) -> Path:
        return self._folder / hashlib.sha256(secret.encode()).hexdigest()

    def add(self, minted: SecretRecord) -> str:
        """Make a secret for this and give it. The file appears whole or not at all."""
        secret = _new_secret()
        path = self._path(secret)
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(minted))
        part.rename(path)
        return secret

    def find(self, secret: str, now: float) -> SecretRecord | None:
        """Give what a secret opens; None when it is unknown or expired."""
        path = self._path(secret)
        try:
            minted = msgspec.json.decode(path.read_bytes(), type=SecretRecord)
        except FileNotFoundError:
            return None
        if minted.expires_at <= now:
            path.unlink(missing_ok=True)
            return None
        return minted
