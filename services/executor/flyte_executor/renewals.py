"""Answers agents whose credentials end soon: with a later token for the same key, while their attempt lasts.

Only who may publish on the subject of a run or of a worker can ask for it, so the place that is asked for is
the server's word. What is answered is of use to none but the holder of the key.
"""

from flyte_bus.errors import Refusal
from flyte_bus.history import read_action
from flyte_bus.ports import Bus, Server
from flyte_bus.service import stop_all
from flyte_executor.backends.port import LaunchFailed
from flyte_executor.credentials import Issuer, recovered_run
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.renewing import (
    RENEW_CREDENTIAL,
    RENEW_WORKER,
    CredentialRenewed,
    RenewCredential,
    RenewWorker,
)
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey


class Renewals:
    """Serves both questions, beside all other executors of the log."""

    def __init__(self, bus: Bus, issuer: Issuer) -> None:
        self._bus = bus
        self._issuer = issuer
        self._servers: tuple[Server, ...] = ()

    async def start(self) -> None:
        """Begin to answer."""
        self._servers = (
            await self._bus.serve(RENEW_CREDENTIAL, self._renew),
            await self._bus.serve(RENEW_WORKER, self._renew_worker),
        )

    async def stop(self) -> None:
        """Answer no more."""
        await stop_all(self._servers)

    async def _renew(self, question: RenewCredential) -> CredentialRenewed:
        run = RunKey(question.project, question.domain, question.run)
        attempt = AttemptKey(ActionKey(run, question.action), question.attempt)
        state, _ = await read_action(self._bus.log, attempt.action)
        if state.phase is None or state.phase.is_terminal or state.attempt != attempt.attempt:
            raise _refused(f"{attempt} is over, or was never begun: its credentials are not renewed")
        source = await recovered_run(self._bus.log, run)
        try:
            made = self._issuer.for_attempt(attempt, source)
        except LaunchFailed as error:
            raise _refused(str(error)) from error
        return CredentialRenewed(jwt=made.jwt)

    async def _renew_worker(self, question: RenewWorker) -> CredentialRenewed:
        place = question.project, question.domain
        try:
            made = self._issuer.for_worker(place, question.pool, question.worker)
        except LaunchFailed as error:
            raise _refused(str(error)) from error
        return CredentialRenewed(jwt=made.jwt)


def _refused(message: str) -> Refusal:
    return Refusal(Failure(code="NotAllowed", kind=FailureKind.USER, message=message, recoverable=False))
