"""What the standard health service of gRPC answers, in an operator's words."""

import re
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from lighthouse.text import one_line

METHOD: Final = "/grpc.health.v1.Health/Check"
_SHOWN: Final = 150
_READ: Final = 2000

_BEFORE: Final = re.compile(r"^.*ipv[46]:\S+: ", re.DOTALL)
_LAYERS: Final = re.compile(
    r"Failed to connect to remote host: |\(TSI_\w+\): SSL_ERROR_SSL: |error:\w+:SSL routines:\w+:"
)

_STATES: Final = {
    health_pb2.HealthCheckResponse.SERVING: "",
    health_pb2.HealthCheckResponse.NOT_SERVING: "is NOT_SERVING",
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN: "is unknown to the health service",
}


def ask(channel: grpc.Channel, service: str, timeout: float) -> str:
    """Why a service is not serving; empty if it is. Raises ``grpc.RpcError``."""
    call = channel.unary_unary(
        METHOD,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answer = call(health_pb2.HealthCheckRequest(service=service), timeout=timeout)
    state = _STATES.get(answer.status, f"answers with the unknown state {answer.status}")
    return state and f"{named(service)} {state}"


def refusal(code: grpc.StatusCode, details: str, service: str) -> str:
    """Why there was no answer."""
    match code:
        case grpc.StatusCode.NOT_FOUND:
            return f"{named(service)} is unknown to the health service"
        case grpc.StatusCode.UNIMPLEMENTED:
            return "the server has no health service (grpc.health.v1.Health)"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return "timed out"
        case grpc.StatusCode.UNAVAILABLE:
            return f"no connection: {one_line(_plain(details), _SHOWN)}"
    return f"{code.name}: {one_line(details, _SHOWN)}"


def _plain(details: str) -> str:
    """What went wrong last, without the address, which is known, and the library's layers."""
    return _LAYERS.sub("", _BEFORE.sub("", details[:_READ]))


def named(service: str) -> str:
    return f"service '{service}'" if service else "the server"
