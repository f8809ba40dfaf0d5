"""Answers to messages, ordinary and hostile ones."""

import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.dns.server.cache import MOST_BYTES, AnswerCache
from lighthouse.dns.server.offer import DnsMember, DnsOffer
from lighthouse.dns.server.reply import Answerer, capacity
from lighthouse.dns.server.zone import Zone, cluster_names

ZONE = "lh.internal"


def answerer(count: int = 3, payload: int = 1232, order: str = "random") -> Answerer:
    members = tuple(
        DnsMember(f"h{n}", f"10.0.{n // 250}.{n % 250 + 1}", 8000) for n in range(count)
    )
    web = cluster_names(DnsOffer("live", members), "web", ZONE, order)  # type: ignore[arg-type]
    dark = cluster_names(DnsOffer("unknown"), "dark", ZONE, "fixed")
    none = cluster_names(DnsOffer("empty"), "none", ZONE, "fixed")
    found = Zone(ZONE, {"web": web, "dark": dark, "none": none}, ("127.0.0.1",), serial=7)
    return Answerer(found, payload, "host")


def ask(
    name: str, kind: str = "A", stream: bool = False, to: Answerer | None = None, edns: int = -1
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=edns)
    said = (to or answerer()).answer(query.to_wire(), stream)
    assert said is not None
    response = dns.message.from_wire(said)
    assert query.is_response(response)
    return response


@pytest.mark.parametrize(
    ("name", "kind", "code", "answers", "soa"),
    [
        ("web.lh.internal", "A", "NOERROR", 3, False),
        ("WEB.lh.Internal", "SRV", "NOERROR", 3, False),
        ("web.lh.internal", "AAAA", "NOERROR", 0, True),
        ("web.lh.internal", "TXT", "NOERROR", 0, True),
        ("web.lh.internal", "ANY", "NOERROR", 3, False),
        ("_http._tcp.web.lh.internal", "SRV", "NOERROR", 3, False),
        ("_http._tcp.web.lh.internal", "A", "NOERROR", 0, True),
        ("h1.web.lh.internal", "A", "NOERROR", 1, False),
        ("nothing.lh.internal", "A", "NXDOMAIN", 0, True),
        ("none.lh.internal", "SRV", "NOERROR", 0, True),
        ("dark.lh.internal", "SRV", "SERVFAIL", 0, False),
        ("dark.lh.internal", "TXT", "SERVFAIL", 0, False),
        ("lh.internal", "SOA", "NOERROR", 1, False),
        ("lh.internal", "NS", "NOERROR", 1, False),
        ("lh.internal", "A", "NOERROR", 0, True),
        ("ns.lh.internal", "A", "NOERROR", 1, False),
        ("example.com", "A", "REFUSED", 0, False),
        (".", "NS", "REFUSED", 0, False),
        ("lh.internal", "AXFR", "REFUSED", 0, False),
    ],
)
def test_what_is_answered(name: str, kind: str, code: str, answers: int, soa: bool) -> None:
    response = ask(name, kind)
    assert dns.rcode.to_text(response.rcode()) == code
    assert sum(len(rrset) for rrset in response.answer) == answers
    assert [rrset.rdtype.name for rrset in response.authority] == (["SOA"] if soa else [])
    if soa:
        assert response.authority[0].ttl == response.authority[0][0].minimum == 1
    authoritative = code in ("NOERROR", "NXDOMAIN")
    assert bool(response.flags & dns.flags.AA) is authoritative


def test_services_come_with_their_addresses() -> None:
    response = ask("web.lh.internal", "SRV")
    targets = {record.target for record in response.answer[0]}
    assert {rrset.name for rrset in response.additional} == targets
    assert {rrset[0].address for rrset in response.additional} == {
        "10.0.0.1", "10.0.0.2", "10.0.0.3"
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["A", "SRV"])
@pytest.mark.parametrize(("edns", "limit"), [(-1, 512), (0, 1232), (0, 700)])
def test_a_datagram_is_cut_to_what_its_sender_takes(kind: str, edns: int, limit: int) -> None:
    options = {"use_edns": edns} | ({"payload": limit} if edns == 0 else {})
    query = dns.message.make_query("web.lh.internal", kind, **options)  # type: ignore[arg-type]
    said = answerer(5000).answer(query.to_wire(), False)
    assert said is not None
    assert limit // 2 < len(said) <= limit
    response = dns.message.from_wire(said)
    assert response.flags & dns.flags.TC
    assert len(response.answer[0]) > 5


def test_a_stream_has_as_much_as_a_message_can_hold() -> None:
    to = answerer(5000)
    services, addresses = capacity(ZONE, "web", to.zone.clusters["web"].own.services)
    for kind, count in (("SRV", services), ("A", addresses)):
        response = ask("web.lh.internal", kind, True, to)
        assert count <= len(response.answer[0]) <= count + 20
        assert not response.flags & dns.flags.TC
    assert len(ask("web.lh.internal", "A", True, answerer(4000)).answer[0]) == 4000


def test_another_version_of_edns_is_told_ours() -> None:
    response = ask("web.lh.internal", edns=1)
    assert response.rcode() == dns.rcode.BADVERS
    assert not response.answer


def test_the_order_follows_the_weights() -> None:
    members = (DnsMember("a", "10.0.0.1", 80, 1), DnsMember("b", "10.0.0.2", 80, 99))
    web = cluster_names(DnsOffer("live", members), "web", ZONE, "random")
    to = Answerer(Zone(ZONE, {"web": web}), 1232, "host")
    first = [next(iter(ask("web.lh.internal", to=to).answer[0])).address for _ in range(100)]
    assert first.count("10.0.0.2") > 80
    fixed = answerer(order="fixed")
    orders = {str(ask("web.lh.internal", to=fixed).answer[0]) for _ in range(5)}
    assert len(orders) == 1


QUERY = dns.message.make_query("web.lh.internal", "A", use_edns=0, id=7).to_wire()
BARE = dns.message.make_query("web.lh.internal", "A", id=7).to_wire()


def bomb(length: int) -> bytes:
    """One question whose name is a chain of pointers, each to the one before it."""
    chain = bytearray(BARE[:12]) + b"\0"
    while len(chain) < length - 6:
        at = len(chain)
        chain += struct.pack("!H", 0xC000 | (12 if at == 13 else at - 2))
    many = struct.pack("!HHHHHH", 1, 0, 2000, 0, 0, 0)
    return many + bytes(chain[12:])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", None),
        (b"\0" * 11, None),
        (BARE[:2] + b"\x80\0" + BARE[4:], None),
        (BARE[:12], "FORMERR"),
        (BARE[:-1], "FORMERR"),
        (BARE + b"x", "FORMERR"),
        (BARE[:12] + b"\xc0\x0c\0\1\0\1", "FORMERR"),
        (BARE[:12] + b"\xff\xff\0\1\0\1", "FORMERR"),
        (bomb(4000), "FORMERR"),
        (bomb(60000), "FORMERR"),
        (struct.pack("!HHHHHH", 1, 0, 0, 0, 0, 0), "FORMERR"),
        (struct.pack("!HHHHHH", 1, 0, 65535, 65535, 65535, 65535) + b"\0" * 500, "FORMERR"),
        (QUERY + b"\0" * 5000, "FORMERR"),
        (BARE[:2] + bytes([4 << 3]) + BARE[3:], "NOTIMP"),
        (BARE[:2] + bytes([5 << 3]) + BARE[3:], "NOTIMP"),
    ],
)
def test_what_is_no_query_is_dropped_or_refused_at_once(data: bytes, code: str | None) -> None:
    began = time.process_time()
    said = answerer().answer(data, False)
    assert time.process_time() - began < 0.5
    if code is None:
        assert said is None
    else:
        assert said is not None
        assert said[:2] == data[:2]
        assert dns.rcode.to_text(dns.message.from_wire(said).rcode()) == code


def test_other_classes_are_refused() -> None:
    query = dns.message.make_query("version.bind", "TXT", rdclass=dns.rdataclass.CH)
    said = answerer().answer(query.to_wire(), False)
    assert said is not None
    assert dns.message.from_wire(said).rcode() == dns.rcode.REFUSED


FUZZED = answerer()


@given(st.one_of(st.binary(max_size=300), st.just(QUERY)), st.data())
def test_no_message_makes_it_raise(base: bytes, data: st.DataObject) -> None:
    wire = bytearray(base)
    for _ in range(data.draw(st.integers(0, 4)) if wire else 0):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    for stream in (False, True):
        said = FUZZED.answer(bytes(wire), stream)
        if said is not None:
            assert said[:2] == wire[:2]
            assert said[2] & 0x80
            assert stream or len(said) <= 1232


def test_a_cache_answers_under_each_number_and_stays_bounded() -> None:
    asked: list[bytes] = []

    def answer(data: bytes, stream: bool) -> bytes | None:
        asked.append(data)
        return data[:2] + b"x" * 9000 if stream else None

    cache = AnswerCache(answer)
    for number in range(5):
        data = number.to_bytes(2, "big") + b"same question"
        assert cache.answer(data, True) == data[:2] + b"x" * 9000
    assert len(asked) == 1
    assert cache.answer(b"\0\0answer", False) is None
    for number in range(2 * MOST_BYTES // 9000):
        cache.answer(b"\0\0" + number.to_bytes(4, "big"), True)
    assert cache._bytes <= MOST_BYTES
