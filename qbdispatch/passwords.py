"""Hashes of passwords: making them, and checking a password against one.

Two forms: argon2 as argon2-cffi writes it, and qBittorrent's own `@ByteArray(salt:hash)`, so that a line can be taken
over from its qBittorrent.conf (PBKDF2-HMAC-SHA512, 100,000 rounds: password.cpp in its sources).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's least for argon2id: 19 MiB and tens of milliseconds, so that many logins eat no memory."""
_QBITTORRENT_ROUNDS = 100_000
_QBITTORRENT_PREFIX = "@ByteArray("


def hash_password(password: str) -> str:
    """A new hash for `auth.password_hash`; another one each time."""
    return _HASHER.hash(password)


class PasswordCheck:
    """Checks passwords for one process; safe for threads.

    One hash at a time is computed, and the last right password is remembered as a keyed digest, so that clients which
    log in for every call cost next to nothing.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right = b""
        self._lock = threading.Lock()

    def matches(self, password: str, hashed: str) -> bool:
        """Whether this is the password of that hash."""
        with self._lock:
            digest = self._digest(password, hashed)
            if hmac.compare_digest(digest, self._right):
                return True
            if not _matches(password, hashed):
                return False
            self._right = digest
            return True

    def _digest(self, password: str, hashed: str) -> bytes:
        text = f"{hashed}\0{password}".encode(errors="replace")
        return hashlib.blake2b(text, key=self._key).digest()


def _matches(password: str, hashed: str) -> bool:
    if hashed.startswith(_QBITTORRENT_PREFIX):
        return _matches_qbittorrent(password, hashed)
    try:
        return _HASHER.verify(hashed, password.encode(errors="replace"))
    except (VerificationError, InvalidHashError):
        return False


def _matches_qbittorrent(password: str, hashed: str) -> bool:
    salt, _, expected = hashed.removeprefix(_QBITTORRENT_PREFIX).removesuffix(")").partition(":")
    try:
        salt_bytes, expected_bytes = base64.b64decode(salt), base64.b64decode(expected)
    except binascii.Error:
        return False
    given = password.encode(errors="replace")
    return hmac.compare_digest(
        hashlib.pbkdf2_hmac("sha512", given, salt_bytes, _QBITTORRENT_ROUNDS, len(expected_bytes) or 1), expected_bytes
    )
