"""The folder of an installation's keys: made once, for its owner's eyes only.

    keys/operator.{nk,jwt}        the root: whoever has it has everything
    keys/{SYS,CORE,EDGE}.nk       the accounts
    keys/roles/ROLE.nk            the signing key of each role; ROLE.previous.nk: still taken
    accounts.conf                 what nats-server is told: no secret is in it
    credentials/NAME.creds        of each service, and of the operator
    minters/ROLE.json             what makes users of a role: agents and workers
    seal.key, seal.key.pub        what the registry seals runs with, and what readers of the log trust
    users.json                    who was given credentials, and whose were taken back
    ended.json                    signing keys of roles that were ended

Only `credentials` and `minters` have to be anywhere near a service, and each only at its own.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flyte_bus.identity.accounts import SYSTEM, account_token, operator_token, system_token
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.keys import KeyPair, NotAKey
from flyte_bus.identity.minting import Minter
from flyte_bus.revocations import Revoked
from flyte_schemas.access import AGENT, CORE, EDGE, OPERATOR, ROLES, SERVICES, WORKER, Account

ACCOUNTS_FILE, USERS_FILE, ENDED_FILE = "accounts.conf", "users.json", "ended.json"
SEAL_KEY_FILE = "seal.key"
CREDENTIALS, MINTERS = "credentials", "minters"
MINTED_BY_SERVICES = (AGENT.name, WORKER.name)
"""The roles that a service, the executor, makes users of."""


class KeyringError(Exception):
    """The folder is not what it should be; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Keyring:
    """The keys below `folder`."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether keys were made here before, whole or in part."""
        return (self.folder / "keys").exists()

    def make(self, *, operator: str = OPERATOR.name) -> None:
        """Make all keys, and what follows from them; `operator` is whom the administrator's requests name.

        Raises KeyringError where there are some already.
        """
        if self.is_there:
            raise KeyringError(f"there are keys in {self.folder} already: they are not made anew")
        half = self.folder / "keys.part"
        if half.exists():
            raise KeyringError(
                f"{half} is what a making of keys left that was cut off: remove it, and try again"
            )
        write_secret(half / "operator.nk", KeyPair.create("operator").seed)
        for account in (SYSTEM, CORE, EDGE):
            write_secret(half / f"{account}.nk", KeyPair.create("account").seed)
        private_folder(self.folder)
        half.rename(self.folder / "keys")
        self.complete(operator=operator)

    def complete(self, *, operator: str = OPERATOR.name) -> None:
        """Make what follows from the keys, and keys of roles that earlier versions did not know."""
        for role in ROLES:
            if not self._key_file(f"roles/{role}").exists():
                write_secret(self._key_file(f"roles/{role}"), KeyPair.create("account").seed)
        self.write_accounts()
        for name in (*(role.name for role in SERVICES), OPERATOR.name):
            if not self.credentials(name).exists():
                user = operator if name == OPERATOR.name else name
                write_secret(self.credentials(name), self.minter(name).mint(user).text)
        for name in MINTED_BY_SERVICES:
            if not self.minter_file(name).exists():
                write_secret(self.minter_file(name), self.minter(name).text)
        if not self.seal_key_file.exists():
            write_secret(self.seal_key_file, KeyPair.create("user").seed + "\n")
        write_secret(self.seal_key_file.with_name(f"{SEAL_KEY_FILE}.pub"), self.seal_key + "\n")

    @property
    def seal_key_file(self) -> Path:
        """What the registry seals runs with: no key of the server's, and of use to the registry alone."""
        return self.folder / SEAL_KEY_FILE

    @property
    def seal_key(self) -> str:
        """The public key by which `flyte audit --verify` knows seals. Raises KeyringError."""
        return _read_key(self.seal_key_file).public

    def minter_file(self, role: str) -> Path:
        """What a service makes users of a role with."""
        return self.folder / MINTERS / f"{role}.json"

    def account(self, name: Account) -> str:
        """The public key of an account. Raises KeyringError."""
        return self._key(name).public

    def credentials(self, name: str) -> Path:
        """The file of a service's credentials, or of the operator's."""
        return self.folder / CREDENTIALS / f"{name}.creds"

    def minter(self, role: str) -> Minter:
        """Makes users of a role. Raises KeyringError when its key is not here."""
        account = self.account(ROLES[role].account)
        return Minter(account_public=account, signing_seed=self._key(f"roles/{role}").seed, role=role)

    def accounts(self) -> str:
        """What stands in a nats-server's configuration. Raises KeyringError."""
        operator, system = self._key("operator"), self._key(SYSTEM).public
        publics: dict[Account, str] = {name: self.account(name) for name in (CORE, EDGE)}
        signing = {role: self._signing(role) for role in ROLES}
        now, revoked = int(time.time()), self._revocations()
        tokens = {system: system_token(operator, system, now)}
        for account, public in publics.items():
            tokens[public] = account_token(operator, account, publics, signing, revoked[account], now)
        preloaded = "".join(f"  {public}: {token}\n" for public, token in tokens.items())
        return (
            f"operator: {self._operator_token(system)}\nsystem_account: {system}\n"
            f"resolver: MEMORY\nresolver_preload: {{\n{preloaded}}}\n"
        )

    def write_accounts(self) -> Path:
        """Write `accounts.conf`; a server that reads it anew (SIGHUP) knows what changed."""
        path = self.folder / ACCOUNTS_FILE
        write_secret(path, self.accounts())
        return path

    def users(self) -> list[dict[str, Any]]:
        """Who was given credentials. Raises KeyringError."""
        return self._noted(USERS_FILE)

    def revoked(self) -> list[Revoked]:
        """The keys that count no more: of users, and those that made users of a role. Raises KeyringError."""
        taken = [user for user in self.users() if "revoked_at_s" in user]
        ends = [user["expires_at"] and datetime.fromisoformat(user["expires_at"]) for user in taken]
        return [
            *(Revoked(user["public"], end or None) for user, end in zip(taken, ends, strict=True)),
            *(Revoked(ended["public"]) for ended in self._noted(ENDED_FILE)),
        ]

    def create_user(
        self, name: str, role: str, places: Iterable[tuple[str, str]], ttl_s: float | None = None
    ) -> Credentials:
        """Credentials of a person. Raises KeyringError, and CannotMint for what cannot be."""
        made = self.minter(role).mint(name, places=places, ttl_s=ttl_s)
        known = made.identity
        note = {
            "name": name,
            "role": role,
            "places": list(known.places),
            "public": known.public,
            "issued_at": known.issued_at.isoformat() if known.issued_at else None,
            "expires_at": known.expires_at.isoformat() if known.expires_at else None,
        }
        self._note(USERS_FILE, [*self.users(), note])
        return made

    def revoke_user(self, name: str) -> int:
        """Take back all credentials of a person that were made until now; how many those were.

        They count until the server has read `accounts.conf` anew. Raises KeyringError.
        """
        users, taken = self.users(), 0
        for user in users:
            if user["name"] == name and "revoked_at_s" not in user:
                user["revoked_at_s"] = int(time.time())
                taken += 1
        if taken:
            self._note(USERS_FILE, users)
            self.write_accounts()
        return taken

    def rotate(self, role: str) -> None:
        """Give a role a new signing key; whom the previous one has made is known until `end_previous`.

        What services have is made anew: the service's credentials, or what makes agents.

        Raises KeyringError where a previous key is still in use.
        """
        current, previous = self._key_file(f"roles/{role}"), self._key_file(f"roles/{role}.previous")
        if previous.exists():
            raise KeyringError(
                f"users of the previous key of the role {role} are still let in: give all of them new "
                f"credentials, then `flyte admin rotate {role} --end-previous`"
            )
        self._key(f"roles/{role}")
        write_secret(previous, current.read_text("ascii"))
        write_secret(current, KeyPair.create("account").seed)
        operator = self._name_of_operator()
        for made in (self.credentials(role), self.minter_file(role)):
            made.unlink(missing_ok=True)
        self.complete(operator=operator)

    def _name_of_operator(self) -> str:
        """Whom the administrator's requests name, also by his next credentials."""
        try:
            return Credentials.read(self.credentials(OPERATOR.name).read_text("ascii")).identity.name
        except (OSError, ValueError):
            return OPERATOR.name

    def end_previous(self, role: str) -> bool:
        """Let in nobody any more whom a role's previous key has made; whether there was one."""
        previous = self._key_file(f"roles/{role}.previous")
        was_there = previous.exists()
        if was_there:
            public = self._key(f"roles/{role}.previous").public
            note = {"role": role, "public": public, "ended_at_s": int(time.time())}
            self._note(ENDED_FILE, [*self._noted(ENDED_FILE), note])
        previous.unlink(missing_ok=True)
        self.write_accounts()
        return was_there

    def _signing(self, role: str) -> tuple[str, ...]:
        """The public keys of those who may make users of a role."""
        names = [f"roles/{role}", f"roles/{role}.previous"]
        return tuple(
            self._key(name).public for name in names if "." not in name or self._key_file(name).exists()
        )

    def _key_file(self, name: str) -> Path:
        return self.folder / "keys" / f"{name}.nk"

    def _operator_token(self, system: str) -> str:
        """The operator's token, made once: a server that runs takes no other, though it says the same."""
        path = self.folder / "keys" / "operator.jwt"
        if not path.exists():
            write_secret(path, operator_token(self._key("operator"), system, int(time.time())))
        return path.read_text("ascii")

    def _noted(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        try:
            found = json.loads(path.read_text("utf-8")) if path.exists() else []
        except ValueError as error:
            raise KeyringError(f"{path} cannot be read: {error}") from error
        return list(found)

    def _note(self, name: str, known: list[dict[str, Any]]) -> None:
        write_secret(self.folder / name, json.dumps(known, indent=2, ensure_ascii=False) + "\n")

    def _revocations(self) -> Mapping[Account, dict[str, int]]:
        found: dict[Account, dict[str, int]] = {CORE: {}, EDGE: {}}
        for user in self.users():
            if "revoked_at_s" in user:
                found[ROLES[user["role"]].account][user["public"]] = user["revoked_at_s"]
        return found

    def _key(self, name: str) -> KeyPair:
        return _read_key(self._key_file(name))


def _read_key(path: Path) -> KeyPair:
    try:
        return KeyPair.from_seed(path.read_text("ascii"))
    except OSError as error:
        raise KeyringError(
            f"{path} cannot be read ({error.strerror}): `flyte admin init` makes keys, and only "
            "their owner can use them"
        ) from error
    except (NotAKey, UnicodeDecodeError) as error:
        raise KeyringError(f"{path} holds no key: {error}") from error


def private_folder(path: Path) -> None:
    """A folder that its owner alone can look into, whatever the umask is."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)


def write_secret(path: Path, text: str, *, within_private_folder: bool = True) -> None:
    """Write a file that its owner alone can read, whole or not at all; its folder becomes private, too."""
    if within_private_folder:
        private_folder(path.parent)
    half = path.with_name(path.name + ".part")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(text)
    half.replace(path)
