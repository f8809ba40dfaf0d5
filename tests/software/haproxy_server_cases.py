"""What servers may be told: each option that HAProxy knows, in a cluster of its own."""

from typing import NamedTuple

HTTP = ("option httpchk GET /health",)
SEND = ("http-check send meth GET uri /health",)
FAST = "inter 1s fastinter 300ms"
TLS = f"ssl verify none {FAST}"


class Case(NamedTuple):
    """Options of a cluster's servers, and the lines of its backend."""

    options: str
    backend: tuple[str, ...] = HTTP


def cases(pem: str, crl: str, port: int, agent: int) -> dict[str, Case]:
    """By name; a name is the option that is tried, or a number of them."""
    checks = f"check {FAST}"
    found = {
        "nothing": "",
        "check": checks,
        "check-as-it-comes": "check",
        "ssl": f"ssl verify none {checks}",
        "ssl-unchecked": TLS,
        "ssl-port": f"ssl verify none port {port} {checks}",
        "ssl-addr": f"ssl verify none addr 127.0.0.1 {checks}",
        "ssl-port-check-ssl": f"ssl verify none port {port} check-ssl {checks}",
        "check-ssl": f"verify none check-ssl {checks}",
        "check-sni": f"ssl verify none check-sni check.test {checks}",
        "sni": f"ssl verify none sni str(node.test) {checks}",
        "check-alpn": f"ssl verify none check-alpn http/1.1 {checks}",
        "alpn": f"ssl verify none alpn http/1.1 {checks}",
        "alpn-h2": f"ssl verify none alpn h2,http/1.1 {checks}",
        "npn": f"ssl verify none npn http/1.1 {checks}",
        "check-proto": f"check-proto h1 {checks}",
        "proto": f"proto h1 {checks}",
        "ws": f"ws h1 {checks}",
        "send-proxy": f"send-proxy {checks}",
        "send-proxy-v2": f"send-proxy-v2 {checks}",
        "send-proxy-v2-ssl": f"send-proxy-v2-ssl {checks}",
        "send-proxy-v2-ssl-cn": f"send-proxy-v2-ssl-cn {checks}",
        "proxy-v2-options": f"send-proxy-v2 proxy-v2-options ssl,crc32c {checks}",
        "proxy-v2-options-alone": f"proxy-v2-options crc32c {checks}",
        "proxy-v2-options-empty": f"proxy-v2-options ssl {checks}",
        "send-proxy-ssl": f"ssl verify none send-proxy {checks}",
        "send-proxy-port": f"send-proxy port {port} {checks}",
        "send-proxy-addr": f"send-proxy-v2 addr 127.0.0.1 {checks}",
        "check-send-proxy": f"check-send-proxy {checks}",
        "no-check-send-proxy": f"send-proxy no-check-send-proxy {checks}",
        "no-send-proxy": f"send-proxy no-send-proxy {checks}",
        "no-send-proxy-v2": f"send-proxy-v2 no-send-proxy-v2 {checks}",
        "no-send-proxy-v2-ssl": f"send-proxy-v2-ssl no-send-proxy-v2-ssl {checks}",
        "no-send-proxy-v2-ssl-cn": f"send-proxy-v2-ssl-cn no-send-proxy-v2-ssl-cn {checks}",
        "no-send-proxy-other": f"send-proxy-v2-ssl no-send-proxy-v2 {checks}",
        "no-ssl": f"ssl verify none no-ssl {checks}",
        "no-check-ssl": f"ssl verify none no-check-ssl {checks}",
        "no-check": f"{checks} no-check",
        "no-agent-check": f"{checks} agent-check agent-port {agent} no-agent-check",
        "verify": f"ssl verify required ca-file {pem} {checks}",
        "verifyhost": f"ssl verify required ca-file {pem} verifyhost localhost {checks}",
        "crl-file": f"ssl verify required ca-file {pem} crl-file {crl} {checks}",
        "crt": f"ssl verify none crt {pem} {checks}",
        "ciphers": f"ssl verify none ciphers HIGH {checks}",
        "ciphersuites": f"ssl verify none ciphersuites TLS_AES_128_GCM_SHA256 {checks}",
        "ssl-min-ver": f"ssl verify none ssl-min-ver TLSv1.3 {checks}",
        "ssl-max-ver": f"ssl verify none ssl-max-ver TLSv1.2 {checks}",
        "force-tlsv12": f"ssl verify none force-tlsv12 {checks}",
        "force-tlsv13": f"ssl verify none force-tlsv13 {checks}",
        "no-tlsv13": f"ssl verify none no-tlsv13 {checks}",
        "no-tlsv12": f"ssl verify none no-tlsv12 {checks}",
        "no-tlsv11": f"ssl verify none no-tlsv11 no-tlsv10 no-sslv3 {checks}",
        "no-ssl-reuse": f"ssl verify none no-ssl-reuse {checks}",
        "ssl-reuse": f"ssl verify none no-ssl-reuse ssl-reuse {checks}",
        "no-tls-tickets": f"ssl verify none no-tls-tickets {checks}",
        "tls-tickets": f"ssl verify none no-tls-tickets tls-tickets {checks}",
        "allow-0rtt": f"ssl verify none allow-0rtt {checks}",
        "addr": f"addr 127.0.0.1 {checks}",
        "port": f"port {port} {checks}",
        "rise": f"rise 3 {checks}",
        "fall": f"fall 7 {checks}",
        "inter": "inter 150ms fastinter 90ms downinter 80ms check",
        "maxconn": f"maxconn 9 {checks}",
        "minconn": f"minconn 4 {checks}",
        "minconn-maxconn": f"minconn 4 maxconn 9 {checks}",
        "minconn-above": f"minconn 12 maxconn 9 {checks}",
        "maxqueue": f"maxconn 9 maxqueue 5 {checks}",
        "max-reuse": f"max-reuse 9 {checks}",
        "pool-max-conn": f"pool-max-conn 5 {checks}",
        "pool-low-conn": f"pool-low-conn 2 {checks}",
        "pool-purge-delay": f"pool-purge-delay 9s {checks}",
        "observe": f"observe layer7 {checks}",
        "observe-layer4": f"observe layer4 error-limit 5 on-error mark-down {checks}",
        "on-marked-down": f"on-marked-down shutdown-sessions {checks}",
        "on-marked-up": f"on-marked-up shutdown-backup-sessions {checks}",
        "slowstart": f"slowstart 1s {checks}",
        "backup": f"backup {checks}",
        "no-backup": f"backup no-backup {checks}",
        "agent-check": f"agent-check agent-port {agent} agent-inter 500ms",
        "agent-and-check": f"agent-check agent-port {agent} agent-inter 500ms {checks}",
        "agent-addr": f"agent-check agent-addr 127.0.0.1 agent-port {agent} agent-inter 500ms",
        "agent-send": f"agent-check agent-port {agent} agent-inter 500ms agent-send check",
        "source": f"source 127.0.0.7 {checks}",
        "source-interface": f"source 127.0.0.7 interface lo {checks}",
        "tfo": f"tfo {checks}",
        "no-tfo": f"tfo no-tfo {checks}",
        "tcp-ut": f"tcp-ut 9s {checks}",
        "stick": f"non-stick stick {checks}",
        "non-stick": f"non-stick {checks}",
        "redir": f"redir http://127.0.0.1:1 {checks}",
        "weight": f"weight 7 {checks}",
        "init-addr": f"init-addr none {checks}",
        "log-proto": f"log-proto legacy {checks}",
        "cookie": f"cookie same {checks}",
    }
    return {name: Case(options) for name, options in found.items()} | {
        "inherited": Case("", (*HTTP, f"default-server ssl verify none send-proxy {checks}")),
        "inherited-alpn": Case("", (*HTTP, f"default-server {TLS} check check-alpn http/1.1")),
        "inherited-port": Case(f"port {port}", (*HTTP, f"default-server {TLS} check")),
        "taken-back": Case("no-send-proxy", (*HTTP, f"default-server send-proxy {checks}")),
        "disabled": Case(checks, (*HTTP, "default-server disabled")),
        "enabled": Case(checks, (*HTTP, "default-server disabled", "default-server enabled")),
        "external": Case(checks, ("option external-check", "external-check command /bin/true")),
        "layer4": Case(checks, ()),
        "layer6": Case(f"ssl verify none {checks}", ()),
        "layer4-proxy": Case(f"send-proxy {checks}", ()),
        "tcp": Case(f"ssl verify none send-proxy-v2 {checks}", ("mode tcp", "option tcp-check")),
        "connect-rule": Case(
            f"ssl verify none {checks}",
            ("option httpchk", "http-check connect ssl sni rule.test", *SEND),
        ),
        "default-rule": Case(
            f"ssl verify none send-proxy check-sni check.test {checks}",
            ("option httpchk", "http-check connect default", *SEND),
        ),
        "cookies": Case(checks, (*HTTP, "cookie SRV insert indirect")),
        "dynamic-cookies": Case(
            checks, (*HTTP, "cookie SRV insert dynamic", "dynamic-cookie-key k")
        ),
        "static-rr": Case(TLS + " check", (*HTTP, "balance static-rr")),
        "consistent": Case(TLS + " check", (*HTTP, "balance source", "hash-type consistent")),
    }


ELSEWHERE = {
    "id": "each server's own",
    "track": "refused for all servers of a cluster",
    "shard": "for peers only",
    "usesrc": "a part of source, and for root only",
    "namespace": "for root only",
    "socks4": "needs a proxy of that kind",
    "check-via-socks4": "the same",
    "force-sslv3": "no longer possible",
    "force-tlsv10": "no longer possible",
    "force-tlsv11": "no longer possible",
    "resolvers": "needs a section of that kind; test_haproxy_settings has one",
    "resolve-net": "the same",
    "resolve-opts": "the same",
    "resolve-prefer": "the same",
}
"""Options that are in no case, and why."""
