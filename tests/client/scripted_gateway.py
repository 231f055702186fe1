"""A gateway that answers as it was told to, and what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from attrs import define, field

KEY = "ak_a-key-that-nobody-must-see"
OFFLINE = "Bot 已离线，请检查设备连接后重试。"
OK = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
IDS = {"message_id": "1", "agent_id": "1"}


def message(text: str, *, is_finish: bool = False) -> str:
    data = {"role": "agent", "type": "answer", "answer_stream": text, **IDS, "is_finish": is_finish}
    return event("message", data)


def event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


DONE = event("done", {"role": "agent", "type": "answer", **IDS, "is_finish": True})
ANSWER = [
    OK,
    ": connected\n\n",
    message("你好"),
    message("，世界"),
    message("", is_finish=True),
    DONE,
]


@define
class ScriptedGateway:
    """Answers every request with the same pieces, then closes. It remembers what it was asked."""

    port: int
    requests: list[bytes] = field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def head(self) -> str:
        return self.requests[-1].partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.requests[-1].partition(b"\r\n\r\n")[2]


@contextmanager
def scripted_gateway(
    pieces: Sequence[str], context: ssl.SSLContext | None = None
) -> Iterator[ScriptedGateway]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        gateway = ScriptedGateway(listener.getsockname()[1])
        thread = threading.Thread(target=answer_all, args=(listener, gateway, pieces, context))
        thread.start()
        try:
            yield gateway
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            thread.join()


def answer_all(
    listener: socket.socket,
    gateway: ScriptedGateway,
    pieces: Sequence[str],
    context: ssl.SSLContext | None,
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            gateway.requests.append(read_request(connection))
            for piece in pieces:
                connection.sendall(piece.encode())
        except OSError:
            pass  # the client did not like what it saw
        finally:
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece or not (data + piece).startswith(b"POST "):
            raise ConnectionError("this is no request")  # the client looks whether we speak TLS
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0].partition(b":")[2]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
