"""The endpoint on a port and a thread of its own."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
import ssl
import threading
import weakref
from http import HTTPStatus
from typing import Any, Iterable, Optional, Union

from .buffer import PATH, SpanBuffer, buffer_of
from .pull import Answer, Refusal

_CONNECTIONS_MAX = 8
_HEAD_BYTES_MAX = 8 << 10
_HEAD_SECONDS_MAX = 5.0
_IDLE_SECONDS_MAX = 75.0
_WRITE_SECONDS_MAX = 30.0


class Server:
    """Made by :func:`serve`. One thread, at most eight connections; it ends with the process."""

    def __init__(
        self,
        buffer: SpanBuffer,
        host: str,
        ports: Iterable[int],
        token: Optional[str],
        ssl_context: Optional[ssl.SSLContext],
    ) -> None:
        self.buffer, self.host, self._ports = buffer, host, list(ports)
        self._token, self._ssl = token, ssl_context
        self._start()
        _servers.add(self)

    def _start(self) -> None:
        self._socket = _bind(self.host, self._ports)
        self.port: int = self._socket.getsockname()[1]
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sigyn-buffer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes the port and ends the thread."""
        _servers.discard(self)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, sock=self._socket, ssl=self._ssl, limit=_HEAD_BYTES_MAX)
        )
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            keep_alive = True
            while keep_alive:
                if self._connections > _CONNECTIONS_MAX:
                    text = "as many connections as this server allows are open: try again later"
                    answer, keep_alive, head = Refusal(503, text).answer(), False, b""
                else:
                    head = await self._head(reader)
                    if not head:
                        return
                    answer, keep_alive = await self._respond(head)
                await asyncio.wait_for(_write(writer, answer, keep_alive), _WRITE_SECONDS_MAX)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # The reader went away, or is too slow: it comes again.
        finally:
            self._connections -= 1
            writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        first = await asyncio.wait_for(reader.read(1), _IDLE_SECONDS_MAX)
        if not first:
            return b""
        return first + await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS_MAX)

    async def _respond(self, head: bytes) -> tuple[Answer, bool]:
        try:
            request, *lines = head.decode("latin-1")[:-4].split("\r\n")
            method, target, version = request.split(" ")
            headers: dict[str, str] = {}
            for line in lines:
                name, separator, value = line.partition(":")
                if not separator or not name or name != name.strip():
                    raise ValueError
                name = name.lower()
                headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value.strip()
            if version not in ("HTTP/1.1", "HTTP/1.0"):
                raise ValueError
        except ValueError:
            return Refusal(400, "this is not a request of HTTP/1.1 that can be understood").answer(), False
        connection = headers.get("connection", "").lower()
        keep_alive = "close" not in connection if version == "HTTP/1.1" else "keep-alive" in connection
        # A body is not read, so nothing behind it can be.
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            keep_alive = False
        if self._token is not None:
            given = headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                return Refusal(401, "a bearer token is needed to read spans").answer(), keep_alive
        path, _, query = target.partition("?")
        if path != PATH:
            return Refusal(404, f"spans are at {PATH}").answer(), keep_alive
        answer = await self.buffer.answer_async(method, query, headers.get("accept-encoding", ""))
        if method == "HEAD":
            answer.body = b""
        return answer, keep_alive


async def _write(writer: asyncio.StreamWriter, answer: Answer, keep_alive: bool) -> None:
    headers = dict(answer.headers)
    if "content-encoding" not in headers or answer.body:
        headers.setdefault("content-length", str(len(answer.body)))
    if not keep_alive:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)
    await writer.drain()


def _bind(host: str, ports: list[int]) -> socket.socket:
    """The first port of these that is free; a prefork worker takes the next one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_CONNECTIONS_MAX)
            return listener
        except OSError:
            listener.close()
            if port == ports[-1]:
                raise
    raise ValueError("serve needs a port")


def serve(
    tracer_or_buffer: Any,
    host: str = "0.0.0.0",
    port: Union[int, Iterable[int]] = 9464,
    *,
    token: Optional[str] = None,
    ssl_context: Optional[ssl.SSLContext] = None,
) -> Server:
    """Serves ``GET /debug/spans`` on a thread of its own; port 0 takes any free one.

    With a range (``range(9464, 9480)``) it takes the first free one. Forked workers begin to serve
    again by themselves, each on the next free port of the range, so that each is a target of its own.
    With ``token``, readers must send it as ``authorization: Bearer …``; ``ssl_context`` makes it HTTPS.
    """
    ports = [port] if isinstance(port, int) else port
    return Server(buffer_of(tracer_or_buffer), host, ports, token, ssl_context)


_servers: weakref.WeakSet[Server] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for server in list(_servers):
        # The parent's thread is not here, but its socket is.
        server._socket.close()
        try:
            if len(server._ports) > 1 or server._ports == [0]:
                server._start()
        except OSError:
            pass  # No port is left in the range; the parent's other workers are still read.


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
