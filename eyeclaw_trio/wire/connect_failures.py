"""Why a client did not get to a gateway, in words that say how to mend it."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final

import orjson

from eyeclaw_trio.causes import causes, root_words
from eyeclaw_trio.protocol.endpoint import Endpoint

# What OpenSSL calls an answer that is no TLS; which of them depends on its version.
_NO_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"}
)
# X509_verify_cert's codes (openssl-verify(1), "Diagnostics").
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED, _OTHER_NAME, _OTHER_IP = 9, 10, 18, 62, 64
_TRUST_IT: Final = "SSL_CERT_FILE can name a file with the certificate to trust"


def describe_failure(error: BaseException, endpoint: Endpoint) -> str:
    """Why there is no connection: nobody there, no way there, no TLS, no trust."""
    return f"cannot reach {endpoint.url}: {_describe(error, endpoint)}"


def describe_refusal(endpoint: Endpoint, status: int, body: bytes | None) -> str:
    """What was answered in place of what we asked for: a gateway's own words, or a stranger's."""
    text = f"{endpoint.url} said HTTP {status}"
    if status == 404 and endpoint.prefix:
        return f"{text}: no gateway is behind {endpoint.prefix}"
    answer = _read_refusal(body)
    if answer is None and 300 <= status < 400:
        https = "" if endpoint.is_secure else "is it https://? "
        return (
            f"{text}: it leads elsewhere; {https}the port of the pages is none for glasses and "
            "bots: theirs is another (8001, unless it was changed)"
        )
    if answer is None:
        return f"{text}: this is no answer of a gateway"
    detail = answer.get("detail")
    words = [answer["error"], *(detail.values() if isinstance(detail, dict) else [detail])]
    return ": ".join([text, *(_in_words(each) for each in words if each is not None)])


def is_of_gateway(body: bytes | None) -> bool:
    """Whether this is the body of a gateway's refusal."""
    return _read_refusal(body) is not None


def suggest_tls(endpoint: Endpoint) -> str:
    """For an http address at which TLS is spoken."""
    return f"{endpoint.url} speaks TLS: try https://{endpoint.authority}{endpoint.prefix}"


def _describe(error: BaseException, endpoint: Endpoint) -> str:
    found = list(causes(error))
    for cause in found:
        match cause:
            case ssl.SSLCertVerificationError():
                return _describe_certificate(cause, endpoint)
            case ssl.SSLError(reason=str(reason)) if reason in _NO_TLS:
                plain = f"http://{endpoint.authority}{endpoint.prefix}"
                return f"it does not speak TLS; try {plain}"
            case ssl.SSLError():
                return f"no TLS with it ({cause.reason or type(cause).__name__})"
            case socket.gaierror():
                return f"no host is known as {endpoint.host}; check the address"
            case ConnectionRefusedError():
                return "connection refused; does the gateway run there?"
    last = next((each for each in reversed(found) if isinstance(each, OSError)), None)
    return (
        (last.strerror if last is not None else None) or root_words(error) or type(error).__name__
    )


def _describe_certificate(error: ssl.SSLCertVerificationError, endpoint: Endpoint) -> str:
    match error.verify_code:
        case code if code == _EXPIRED:
            return "its certificate has expired"
        case code if code == _NOT_YET_VALID:
            return "its certificate is not valid yet; is the clock of this machine right?"
        case code if code == _SELF_SIGNED:
            return f"its certificate is self-signed; {_TRUST_IT}"
        case code if code in (_OTHER_NAME, _OTHER_IP):
            return f"its certificate is for another name than {endpoint.host}"
        case _:
            return f"its certificate is not trusted ({error.verify_message}); {_TRUST_IT}"


def _in_words(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _read_refusal(body: bytes | None) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) and "error" in answer else None
