"""Programs of services: what they keep out, and until when."""

import pytest

from lighthouse.config.schema.types import CheckFile, Config, ServiceFile
from lighthouse.ipc.program import ProgramPhase
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.maintenance import Maintenance
from lighthouse.registration.programs import GRACE, Program, Programs
from lighthouse.registration.services import ProvidedServices
from lighthouse.service import Verdict

SERVICE = ServiceFile(
    "web",
    "127.0.0.1",
    (80, 81),
    ("files",),
    None,
    1,
    {},
    (CheckFile("tcp"),),
    "services/web.yaml",
)
CONFIG = Config(services={"web": SERVICE})


def program(phase: ProgramPhase, port: int | None = None) -> Program:
    return Program("web", port, phase, 1.0, "root")


@pytest.mark.parametrize(
    ("told", "out"),
    [
        ([], []),
        ([(1, program("starts"))], [80, 81]),
        ([(1, program("starts", 80))], [80]),
        ([(1, program("starts")), (1, program("serves"))], []),
        ([(1, program("serves")), (1, program("stops"))], [80, 81]),
        ([(1, program("serves", 80)), (2, program("starts", 81))], [81]),
        ([(1, program("serves")), (2, program("stops"))], [80, 81]),
    ],
)
def test_what_is_out(told: list[tuple[int, Program]], out: list[int]) -> None:
    programs = Programs()
    for owner, one in told:
        assert programs.tell(owner, one)
        assert not programs.tell(owner, one), "said again"
    assert [port for port in (80, 81) if programs.of("web", port) is not None] == out
    assert programs.of("other", 80) is None


def test_who_has_gone_keeps_its_service_out_until_its_checks_have_decided() -> None:
    programs = Programs()
    programs.tell(1, program("serves"))
    assert programs.leave(2, 10.0, 10.0) is None
    assert programs.leave(1, 10.0, 10.0) == program("serves")
    assert programs.of("web", 80) is not None
    assert programs.settle(lambda one: True, 10.0) == [], "it may only have lost its connection"
    assert programs.next_due(10.0) == 10.0 + GRACE
    assert programs.settle(lambda one: False, 10.0 + GRACE) == []
    assert len(programs.settle(lambda one: True, 10.0 + GRACE)) == 1
    assert programs.of("web", 80) is None
    assert programs.next_due(20.0) is None


def test_who_comes_back_takes_its_place_again() -> None:
    programs = Programs()
    programs.tell(1, program("serves"))
    programs.leave(1, 10.0, 10.0)
    programs.tell(2, program("serves"))
    assert programs.of("web", 80) is None


def test_checks_that_are_asked_anew_forget_and_do_not_listen_to_what_was_before() -> None:
    services = ProvidedServices(HostIdentity("h", "10.0.0.1"))
    services.configure(CONFIG, 0.0)
    for port in (80, 81):
        services.checks.verdict("tcp", Verdict("web", port, True, performed_at=1.0), 1.0)
    assert services.decided(program("starts"), CONFIG)
    services.ask_anew("web", 80, CONFIG, 2.0)
    assert services.passing("web", SERVICE, 80) is None
    assert services.passing("web", SERVICE, 81)
    assert not services.decided(program("starts"), CONFIG)
    asked = {probe.port: (probe.asked, probe.passing) for probe in services.probes("tcp", CONFIG)}
    assert asked == {80: (1, None), 81: (0, True)}
    services.checks.verdict("tcp", Verdict("web", 80, True, performed_at=3.0), 3.0)
    assert services.passing("web", SERVICE, 80) is None, "it is of the time before"
    services.checks.verdict("tcp", Verdict("web", 80, True, performed_at=4.0, asked=1), 4.0)
    assert services.passing("web", SERVICE, 80)


def test_an_operators_word_stands_beside_it_and_a_restart_costs_no_token() -> None:
    services = ProvidedServices(HostIdentity("h", "10.0.0.1"))
    services.configure(CONFIG, 0.0)
    for port in (80, 81):
        services.checks.verdict("tcp", Verdict("web", port, True, performed_at=1.0), 1.0)
    services.settle(CONFIG, 1.0)
    services.programs.tell(1, program("stops"))
    services.maintenance.begin(Maintenance("web", 80, 1.0, "disk"))
    services.checks.verdict("tcp", Verdict("web", 81, False, performed_at=2.0), 2.0)
    services.settle(CONFIG, 2.0)
    up, down = services.wanted("files", CONFIG)
    assert (up, [one.port for one in down]) == ((), [80, 81])
    assert services.standings["web", 81].up, "it is out, which is no flap"
    services.forgive(program("stops"), CONFIG)
    services.programs.leave(1, 2.0, 2.0)
    services.programs.settle(lambda one: True, 9.0)
    assert not services.settle(CONFIG, 9.0)
    assert services.standings["web", 81].up is False
    services.checks.verdict("tcp", Verdict("web", 81, True, performed_at=10.0), 10.0)
    services.settle(CONFIG, 10.0)
    standing = services.standings["web", 81]
    assert (standing.up, standing.returns.lacking) == (True, 0.0)
    services.programs.tell(1, program("serves"))
    found = services.out("web", 80)
    assert found is not None
    assert found.reason == "disk"
    assert services.out("web", 81) is None
