"""What ``lighthouse exec`` says of its program, and what it is told."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Final

from lighthouse.config.schema.types import ServiceFile
from lighthouse.ipc.control import GetServed
from lighthouse.ipc.program import ProgramTold, TellProgram
from lighthouse.registration import maintenance
from lighthouse.registration.programs import Program
from lighthouse.registration.services import ports
from lighthouse.supervisor.answers.served import served
from lighthouse.supervisor.pool.pool import WorkerPool
from lighthouse.supervisor.registrar import Registrar, person
from lighthouse.supervisor.state import State

_SHOWN: Final = 20

_log: Final = logging.getLogger("lighthouse.supervisor")


class ProgramDesk:
    """``changed`` is called when what is to be registered may have changed."""

    def __init__(
        self, state: State, pool: WorkerPool, registrar: Registrar, changed: Callable[[], None]
    ) -> None:
        self._state: Final = state
        self._pool: Final = pool
        self._registrar: Final = registrar
        self._changed: Final = changed

    def tell(self, question: TellProgram, uid: int, owner: int) -> ProgramTold:
        """Take what is said of a program; returns what is lacking to where it is going."""
        error = self._refusal(question)
        if error:
            return ProgramTold(error)
        now, wall = time.monotonic(), time.time()
        by = person(question.by, uid)
        program = Program(question.service, question.port, question.phase, wall, by)
        services, config = self._state.services, self._state.config
        if services.programs.tell(owner, program):
            where = _where(program)
            _log.info("service %s: its program %s, says %s", where, program.phase, by)
            if program.phase == "starts":
                services.ask_anew(program.service, program.port, config, now)
            self._changed()
            lacking: tuple[str, ...] = ("the daemon has just heard of it",)
        else:
            lacking = tuple(self._lacking(program))[:_SHOWN]
        provided = [port for _, file, port in self._ports(program)]
        return ProgramTold(lacking=lacking, ports=tuple(sorted(set(provided))))

    def leave(self, owner: int) -> None:
        """A client has gone: if it had a program, nobody knows how that is."""
        now, wall = time.monotonic(), time.time()
        program = self._state.services.programs.leave(owner, now, wall)
        if program is None:
            return
        level = logging.INFO if program.phase == "stops" else logging.WARNING
        _log.log(level, "service %s: who has started its program is gone", _where(program))
        services, config = self._state.services, self._state.config
        services.ask_anew(program.service, program.port, config, now)
        if program.phase == "stops":
            services.forgive(program, config)
        self._changed()

    def _refusal(self, question: TellProgram) -> str:
        found = self._registrar.provided()
        error = maintenance.unknown(question.service, question.port, found)
        if error:
            return error
        unchecked = [
            file.file
            for file in self._state.config.services.values()
            if file.name == question.service and not file.checks
        ]
        if unchecked:
            return f"{unchecked[0]} has no checks: nothing tells when the program is healthy"
        return ""

    def _lacking(self, program: Program) -> Iterator[str]:
        if program.phase == "starts":
            yield from self._unhealthy(program)
        elif program.phase == "stops":
            waiting = self._registrar.removed(program.service, program.port, self._pool).waiting
            yield from waiting
            if not waiting:
                yield from self._serving(program)

    def _unhealthy(self, program: Program) -> Iterator[str]:
        checks = self._state.services.checks
        for stem, file, port in self._ports(program):
            for check in file.checks:
                known = checks.get((check.plugin, stem, port))
                if not known.passing:
                    said = known.verdict.reason if known.verdict is not None else ""
                    yield f"check {check.plugin} of port {port}: {said or 'not yet run'}"

    def _serving(self, program: Program) -> Iterator[str]:
        """Which balancers of this host have it still."""
        for name, cluster in self._state.config.clusters.items():
            if cluster.looked_up != program.service:
                continue
            for stem, file, port in self._ports(program):
                service = self._state.services.service(stem, file, port)
                if service is not None:
                    place = f"{service.node.ip}:{port}"
                    yield from served(
                        self._state, self._pool, GetServed(name, place, absent=True)
                    ).waiting

    def _ports(self, program: Program) -> Iterator[tuple[str, ServiceFile, int]]:
        for one in ports(self._state.config.services):
            if program.provides(one[1].name, one[2]):
                yield one


def _where(program: Program) -> str:
    return program.service if program.port is None else f"{program.service}:{program.port}"
