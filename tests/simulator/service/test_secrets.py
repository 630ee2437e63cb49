from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.service.secrets import (
    MAX_SECRETS,
    FolderSecretStore,
    MemorySecretStore,
    SecretRecord,
    SecretStore,
)

if TYPE_CHECKING:
    from pathlib import Path


def minted(expires_at: float = 100.0) -> SecretRecord:
    return SecretRecord(
        key="sk-1", dialect="ga", kind="conversation", model="m", config={"type": "realtime"}, expires_at=expires_at
    )


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStore:
    return MemorySecretStore() if request.param == "memory" else FolderSecretStore(tmp_path)


def test_a_shared_secret_can_be_read_by_its_user_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FolderSecretStore(tmp_path).add(minted())
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_secret_opens_what_it_was_made_for_until_it_expires(store: SecretStore) -> None:
    secret = store.add(minted())
    assert secret.startswith("ek_")
    assert store.find(secret, 99.9) == minted()
    assert store.find(secret, 99.9) == minted()
    assert store.find(secret, 100.0) is None
    assert store.find(secret, 0.0) is None


def test_secrets_differ_and_unknown_ones_are_not_found(store: SecretStore) -> None:
    first, second = store.add(minted()), store.add(minted())
    assert first != second
    assert store.find("ek_unknown", 0.0) is None
    assert store.find("../../etc/passwd", 0.0) is None


def test_a_secret_of_one_process_opens_in_another(tmp_path: Path) -> None:
    secret = FolderSecretStore(tmp_path).add(minted())
    assert FolderSecretStore(tmp_path).find(secret, 1.0) == minted()
    assert secret not in "".join(path.name for path in tmp_path.iterdir())


def test_memory_is_bounded_by_forgetting_the_oldest() -> None:
    store = MemorySecretStore()
    oldest = store.add(minted())
    for _ in range(MAX_SECRETS):
        newest = store.add(minted())
    assert store.find(oldest, 0.0) is None
    assert store.find(newest, 0.0) == minted()
