"""Passwords kept as hashes: both forms, and that checking one again is cheap."""

from __future__ import annotations

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from qbdispatch.passwords import PasswordCheck, hash_password

SALT = b"0123456789abcdef"


def qbittorrent_hash(password: str) -> str:
    """As qBittorrent writes it into its qBittorrent.conf."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), SALT, 100_000, 64)
    return f"@ByteArray({base64.b64encode(SALT).decode()}:{base64.b64encode(key).decode()})"


@pytest.mark.parametrize("make", [hash_password, qbittorrent_hash])
@pytest.mark.parametrize("password", ["secret", "p\u00e4ss w\u00f6rd", "x" * 500])
def test_only_the_password_itself_matches(make: object, password: str) -> None:
    """In either form of hash, with any letters."""
    assert callable(make)
    check, hashed = PasswordCheck(), make(password)
    assert check.matches(password, hashed)
    assert check.matches(password, hashed)
    for wrong in ("", password + "x", password[:-1], password.upper(), "\ud800"):
        assert not check.matches(wrong, hashed)
    assert check.matches(password, hashed)


def test_two_hashes_of_one_password_differ() -> None:
    """Each has a salt of its own."""
    assert hash_password("secret") != hash_password("secret")


@pytest.mark.parametrize("broken", ["$argon2id$nonsense", "@ByteArray(x:y)", "@ByteArray(AAAA:)", "", "secret"])
def test_a_broken_hash_matches_nothing(broken: str) -> None:
    """Nor is it an error."""
    for password in ("", "secret", "nonsense"):
        assert not PasswordCheck().matches(password, broken)


def test_a_right_password_is_hashed_once() -> None:
    """Clients that log in for every call must not keep the machine busy: 2000 checks take less than 100 hashes."""
    check, hashed = PasswordCheck(), hash_password("secret")
    began = time.perf_counter()
    assert check.matches("secret", hashed)
    once = time.perf_counter() - began
    began = time.perf_counter()
    assert all(check.matches("secret", hashed) for _ in range(2000))
    assert time.perf_counter() - began < 100 * once


def test_a_remembered_password_is_forgotten_with_its_hash() -> None:
    """Another hash is another password."""
    check = PasswordCheck()
    assert check.matches("old", hash_password("old"))
    assert not check.matches("old", hash_password("new"))


def test_threads_can_share_a_check() -> None:
    """Right and wrong ones at once."""
    check, hashed = PasswordCheck(), hash_password("secret")
    with ThreadPoolExecutor(8) as pool:
        given = ["secret", "wrong"] * 10
        assert list(pool.map(lambda one: check.matches(one, hashed), given)) == [True, False] * 10
