"""Secrets of the installation: one key of 32 random octets in a file, and everything that is derived from it.

A `Vault` makes look-up digests of generated secrets, seals texts that must be shown again, and derives keys for other
uses, one for each purpose, so that no two uses share a key. Beside it stand the two ways in which a credential comes to
be: a password given by a person (Argon2id) and a secret drawn here (at least 128 random bits).

It never logs, never keeps what it was given, and refuses a key file that others can read.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import stat
import string
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE: Final = 32  #: octets
SECRET_LENGTH: Final = 28  #: letters and digits of a generated secret: 166 bits

_NONCE_SIZE: Final = 12
_ALPHABET: Final = string.ascii_letters + string.digits
# 19 MiB, two passes, one lane: the least that OWASP names; more lets a few guesses starve every login
_ARGON2: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class VaultError(Exception):
    """The key file is missing, malformed or open to others, or a sealed text is not ours."""


class Vault:
    """The installation's key at work; two vaults of one key understand each other, others never."""

    __slots__ = ("_digest_key", "_key", "_pseudonym_key", "_random", "_seal")

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(key) != KEY_SIZE:
            raise VaultError(f"the key has {len(key)} octets, not {KEY_SIZE}")
        self._key = key
        self._random = random
        self._digest_key = self.subkey("digest")
        self._pseudonym_key = self.subkey("pseudonym")
        self._seal = AESGCM(self.subkey("seal"))

    @classmethod
    def create(cls, path: str | os.PathLike[str], random: Callable[[int], bytes] = os.urandom) -> Self:
        """Draw a key and write it to a new file of mode 0600; `VaultError` when it exists or cannot be written."""
        key = random(KEY_SIZE)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(base64.b64encode(key) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise VaultError(f"{os.fspath(path)}: {error.strerror}") from error
        return cls(key, random)

    @classmethod
    def open(cls, path: str | os.PathLike[str], random: Callable[[int], bytes] = os.urandom) -> Self:
        """Read the key; `VaultError` names the file when it is missing, malformed or readable by others."""
        name = os.fspath(path)
        try:
            with Path(path).open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise VaultError(f"{name}: readable by others (mode {stat.S_IMODE(mode):04o}, must be 0600)")
                text = file.read(4096)
        except OSError as error:
            raise VaultError(f"{name}: {error.strerror}") from error
        try:
            return cls(base64.b64decode(text.strip(), validate=True), random)
        except (ValueError, VaultError):
            raise VaultError(f"{name}: not a key of {KEY_SIZE} octets in base64") from None

    def subkey(self, purpose: str) -> bytes:
        """A key of 32 octets for one purpose (HKDF-SHA256, RFC 5869); equal purposes give equal keys."""
        return HKDF(SHA256(), KEY_SIZE, salt=None, info=b"mailrelay:" + purpose.encode()).derive(self._key)

    def digest(self, secret: str) -> str:
        """What a generated secret is looked up by: hex HMAC-SHA256. Not for passwords that people think up."""
        return hmac.digest(self._digest_key, secret.encode("utf-8", "surrogatepass"), "sha256").hex()

    def pseudonym(self, text: str) -> str:
        """What a person's address is known by once it is erased: hex HMAC-SHA256, under a key of its own."""
        return hmac.digest(self._pseudonym_key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def seal(self, text: str, context: str) -> str:
        """Encrypt a text (AES-256-GCM, URL-safe base64); only `unseal` with the same context opens it.

        The context names what the text belongs to, such as ``credential:<id>``, so that a sealed text put in
        another's place does not open.
        """
        nonce = self._random(_NONCE_SIZE)
        return base64.urlsafe_b64encode(nonce + self._seal.encrypt(nonce, text.encode(), context.encode())).decode()

    def unseal(self, sealed: str, context: str) -> str:
        """The text that was sealed; `VaultError` when key, context or text is another."""
        try:
            data = base64.b64decode(sealed, altchars=b"-_", validate=True)
            return self._seal.decrypt(data[:_NONCE_SIZE], data[_NONCE_SIZE:], context.encode()).decode()
        except (ValueError, InvalidTag):
            raise VaultError("the sealed text does not open under this key and context") from None


def hash_password(secret: str) -> str:
    """Argon2id's text for a password; takes some 30 ms and 19 MiB, so never call it in the reactor's thread."""
    return _ARGON2.hash(secret.encode("utf-8", "surrogatepass"))


def verify_password(digest: str, secret: str) -> bool:
    """Is this the password that was hashed? False for a malformed digest; as slow as `hash_password`."""
    try:
        return _ARGON2.verify(digest, secret.encode("utf-8", "surrogatepass"))
    except (Argon2Error, InvalidHashError):
        return False


def generate_secret(choice: Callable[[str], str] = secrets.choice) -> str:
    """A fresh secret of letters and digits: safe in a URL, in a header and in a shell; at least 128 random bits."""
    return "".join(choice(_ALPHABET) for _ in range(SECRET_LENGTH))
