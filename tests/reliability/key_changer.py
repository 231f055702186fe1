"""A TLS client that changes its keys as often as it likes, which Python's `ssl` has no word for:
the library below it has, and is called by its own names."""

from __future__ import annotations

import ctypes
import ssl
from typing import Any, Final

# The module's own file leads to the library that it was linked with, whichever of several that is;
# the types of the standard library do not know the module. Where it is built in, so is the library.
_LIBRARY: Final = ctypes.CDLL(getattr(ssl._ssl, "__file__", None))  # type: ignore[attr-defined]
_POINTER, _INT, _BYTES = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_KEY_UPDATE_REQUESTED: Final = 1
_ROOM: Final = 262_144  # bytes; more than it ever has to say


# A Python with a library of its own may keep its names to itself.
IS_POSSIBLE: Final = hasattr(_LIBRARY, "SSL_key_update")


def _named(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_LIBRARY, name)
    function.restype, function.argtypes = result, arguments
    return function


class KeyChanger:
    """One connection's client side, without a socket. It believes any certificate. Raises
    AttributeError where it is not possible."""

    def __init__(self) -> None:
        method = _named("TLS_client_method", _POINTER)()
        self._context = _named("SSL_CTX_new", _POINTER, _POINTER)(method)
        self._tls = _named("SSL_new", _POINTER, _POINTER)(self._context)
        memory = _named("BIO_s_mem", _POINTER)()
        new = _named("BIO_new", _POINTER, _POINTER)
        self._incoming, self._outgoing = new(memory), new(memory)
        join = _named("SSL_set_bio", None, _POINTER, _POINTER, _POINTER)
        join(self._tls, self._incoming, self._outgoing)
        _named("SSL_set_connect_state", None, _POINTER)(self._tls)
        self._shake_hands = _named("SSL_do_handshake", _INT, _POINTER)

    def step(self, heard: bytes = b"") -> bytes:
        """Go on with the handshake by what was heard; what is to be said."""
        if heard:
            _named("BIO_write", _INT, _POINTER, _BYTES, _INT)(self._incoming, heard, len(heard))
        self._shake_hands(self._tls)
        return self._said()

    def change_keys(self, times: int) -> bytes:
        """Change them so often, and ask for the same each time; what is to be said."""
        change = _named("SSL_key_update", _INT, _POINTER, _INT)
        for _ in range(times):
            assert change(self._tls, _KEY_UPDATE_REQUESTED) == 1
            self._shake_hands(self._tls)
        return self._said()

    def close(self) -> None:
        """Nothing of it is used any more."""
        _named("SSL_free", None, _POINTER)(self._tls)
        _named("SSL_CTX_free", None, _POINTER)(self._context)

    def _said(self) -> bytes:
        room = ctypes.create_string_buffer(_ROOM)
        read = _named("BIO_read", _INT, _POINTER, _POINTER, _INT)
        size = read(self._outgoing, room, _ROOM)
        return room.raw[: max(0, size)]
