"""What the messages of nameservers say, and which nameservers there are."""

from pathlib import Path

import dns.exception
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.dns.answer import Alias, DnsAnswer, NoAnswer, SrvRecord, read
from lighthouse.dns.nameserver import PENALTY, Nameserver, Nameservers, of_system, parse

SOA = "ns.x. root.x. 1 3600 600 86400 30"


def message(
    *answer: str,
    kind: str = "SRV",
    code: str = "NOERROR",
    authority: tuple[str, ...] = (),
    beside: tuple[tuple[str, str, str], ...] = (),
) -> dns.message.Message:
    """An answer to a question for ``web.x``; records as ``owner ttl type data``."""
    response = dns.message.make_response(dns.message.make_query("web.x.", kind))
    response.set_rcode(dns.rcode.from_text(code))
    for section, texts in ((response.answer, answer), (response.authority, authority)):
        for text in texts:
            owner, ttl, of, data = text.split(" ", 3)
            section.append(dns.rrset.from_text(owner, int(ttl), "IN", of, data))
    for owner, of, data in beside:
        response.additional.append(dns.rrset.from_text(owner, 20, "IN", of, data))
    return dns.message.from_wire(response.to_wire())


def test_srv_records_with_addresses_beside() -> None:
    beside = (("b.x.", "A", "10.0.0.1"), ("b.x.", "TXT", "no"))
    response = message("web.x. 30 SRV 1 2 80 B.x.", beside=beside)
    found = read(response, "web.x", "SRV")
    assert isinstance(found, DnsAnswer)
    assert (found.ttl, found.services, found.missing) == (30, (SrvRecord(1, 2, 80, "b.x"),), "")
    assert {key: answer.addresses for key, answer in found.beside.items()} == {
        ("b.x", "A"): ("10.0.0.1",)
    }


def test_an_alias_is_followed_within_the_message_or_handed_back() -> None:
    alias = "web.x. 9 CNAME c.x."
    found = read(message(alias, "c.x. 30 A 10.0.0.1", kind="A"), "web.x", "A")
    assert found == DnsAnswer(9, addresses=("10.0.0.1",))
    assert read(message(alias, kind="A"), "web.x", "A") == Alias("c.x", 9)
    nothing = read(message(alias, kind="A", authority=(f"x. 60 SOA {SOA}",)), "web.x", "A")
    assert isinstance(nothing, DnsAnswer)
    assert nothing.missing


@pytest.mark.parametrize(
    ("code", "authority", "ttl", "missing"),
    [
        ("NXDOMAIN", (f"x. 60 SOA {SOA}",), 30, "NXDOMAIN for web.x"),
        ("NOERROR", (f"x. 20 SOA {SOA}",), 20, "no SRV records for web.x"),
        ("NXDOMAIN", (), 300, "NXDOMAIN for web.x"),
        ("NOERROR", (), 300, "no SRV records for web.x"),
    ],
)
def test_nothing_is_said_with_its_time(
    code: str, authority: tuple[str, ...], ttl: int, missing: str
) -> None:
    found = read(message(code=code, authority=authority), "web.x", "SRV")
    assert found == DnsAnswer(ttl, missing=missing)


def test_a_service_that_is_declared_not_available_is_nothing() -> None:
    found = read(message("web.x. 30 SRV 0 0 0 ."), "web.x", "SRV")
    assert isinstance(found, DnsAnswer)
    assert "not available" in found.missing


ERRORS = {
    "SERVFAIL": (message(code="SERVFAIL"), "SERVFAIL"),
    "REFUSED": (message(code="REFUSED"), "REFUSED"),
    "referral": (message(authority=("x. 60 NS ns.x.",)), "does not answer for this name"),
    "loop": (message("web.x. 9 CNAME c.x.", "c.x. 9 CNAME web.x."), "makes no sense"),
    "both": (message("web.x. 9 SRV 0 0 1 c.x.", code="NXDOMAIN"), "makes no sense"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_is_an_error_is_never_nothing(case: str) -> None:
    response, reason = ERRORS[case]
    with pytest.raises(NoAnswer, match=reason):
        read(response, "web.x", "SRV")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
def test_a_damaged_message_is_an_answer_or_an_expected_error(
    damages: list[tuple[int, int]],
) -> None:
    soa, beside = (f"x. 60 SOA {SOA}",), (("b.x.", "A", "10.0.0.1"),)
    wire = bytearray(message("web.x. 30 SRV 1 2 80 b.x.", authority=soa, beside=beside).to_wire())
    for place, byte in damages:
        wire[place % len(wire)] = byte
    try:
        damaged = dns.message.from_wire(bytes(wire))
        query = dns.message.make_query("web.x.", "SRV", id=damaged.id)
        if query.is_response(damaged):
            read(damaged, "web.x", "SRV")
    except (dns.exception.DNSException, NoAnswer):
        pass


PLACES = {
    "10.0.0.1": Nameserver("10.0.0.1"),
    "10.0.0.1:5353": Nameserver("10.0.0.1", 5353),
    "fd00::1": Nameserver("fd00::1"),
    "[FD00::1]:5353": Nameserver("fd00::1", 5353),
    "fe80::1%eth0": Nameserver("fe80::1%eth0"),
}


@pytest.mark.parametrize("text", PLACES)
def test_places_of_nameservers(text: str) -> None:
    found = parse(text)
    assert found == PLACES[text]
    assert parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "ns.x", "10.0.0.1:", "10.0.0.1:70000", "[::1]", "::1:x"])
def test_what_is_no_place_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_the_systems_nameservers_are_read_again_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("# x\nnameserver 10.0.0.1\nnameserver odd\nsearch x\nnameserver fd00::1\n")
    found = Nameservers((), str(path))
    assert found.all() == (Nameserver("10.0.0.1"), Nameserver("fd00::1"))
    path.write_text("nameserver 10.0.0.22\n")
    assert found.all() == (Nameserver("10.0.0.22"),)
    path.unlink()
    assert found.all() == (Nameserver("10.0.0.22"),)
    assert of_system("") == (Nameserver("127.0.0.1"),)
    assert Nameservers((Nameserver("::1"),), str(path)).all() == (Nameserver("::1"),)


def test_who_was_silent_is_asked_last_for_a_while() -> None:
    now = [1000.0]
    one, two = Nameserver("10.0.0.1"), Nameserver("10.0.0.2")
    found = Nameservers((one, two), clock=lambda: now[0])
    assert found.order() == [one, two]
    found.silent(one)
    assert found.order() == [two, one]
    found.spoke(one)
    assert found.order() == [one, two]
    found.silent(one)
    now[0] += PENALTY
    assert found.order() == [one, two]
