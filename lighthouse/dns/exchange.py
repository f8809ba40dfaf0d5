"""One query to one nameserver, over UDP and, if the answer is cut, over TCP."""

import asyncio
import struct
from typing import Final

import dns.exception
import dns.message

from lighthouse.dns.answer import NoAnswer
from lighthouse.dns.nameserver import Nameserver

_OTHER: Final = "one to another question"
_LENGTH: Final = struct.Struct("!H")


async def exchange(
    server: Nameserver, query: dns.message.Message, timeout: float
) -> dns.message.Message:
    """The message that answers the query; raises ``NoAnswer``.

    ``timeout`` is for each of the two ways. Over UDP, what does not answer the query is not
    looked at: it may come from anyone who guesses the port, and must not keep the answer away.
    """
    conversation = _Conversation(query)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: conversation, remote_addr=(server.ip, server.port)
            )
            try:
                transport.sendto(query.to_wire())
                answer = await conversation.answer
            finally:
                transport.close()
    except TimeoutError:
        odd = f", but {conversation.odd}" if conversation.odd else ""
        raise NoAnswer(f"no answer within {timeout:g} s{odd}", silent=True) from None
    except OSError as error:
        raise NoAnswer(error.strerror or str(error), silent=True) from None
    return answer if answer is not None else await _over_tcp(server, query, timeout)


class _Conversation(asyncio.DatagramProtocol):
    """Waits for the datagram that answers; its ``answer`` is None if that was cut."""

    def __init__(self, query: dns.message.Message) -> None:
        self.answer: Final[asyncio.Future[dns.message.Message | None]] = (
            asyncio.get_running_loop().create_future()
        )
        self.odd = ""
        self._query: Final = query

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self.answer.done():
            return
        try:
            message = dns.message.from_wire(data, raise_on_truncation=True)
        except dns.message.Truncated as cut:
            if self._query.is_response(cut.message()):  # type: ignore[no-untyped-call]
                self.answer.set_result(None)
            else:
                self.odd = _OTHER
        except (dns.exception.DNSException, ValueError) as error:
            self.odd = f"a malformed one ({type(error).__name__})"
        else:
            if self._query.is_response(message):
                self.answer.set_result(message)
            else:
                self.odd = _OTHER

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _over_tcp(
    server: Nameserver, query: dns.message.Message, timeout: float
) -> dns.message.Message:
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(server.ip, server.port)
            try:
                wire = query.to_wire()
                writer.write(_LENGTH.pack(len(wire)) + wire)
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                message = dns.message.from_wire(await reader.readexactly(length))
            finally:
                writer.close()
    except TimeoutError:
        raise NoAnswer(f"no answer over TCP within {timeout:g} s") from None
    except OSError as error:
        raise NoAnswer(f"over TCP: {error.strerror or error}") from None
    except EOFError:
        raise NoAnswer("over TCP: the connection was closed early") from None
    except (dns.exception.DNSException, ValueError) as error:
        raise NoAnswer(f"over TCP: a malformed answer ({type(error).__name__})") from None
    if not query.is_response(message):
        raise NoAnswer("over TCP: an answer to another question")
    return message
