"""The endpoint inside an app's own web server."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from .buffer import SpanBuffer


def wsgi_app(buffer: SpanBuffer) -> Callable[..., Any]:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        query, accept = environ.get("QUERY_STRING", ""), environ.get("HTTP_ACCEPT_ENCODING", "")
        answer = buffer.answer(environ["REQUEST_METHOD"], query, accept)
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        start_response(status, list(answer.headers.items()))
        return [answer.body]

    return app


def asgi_app(buffer: SpanBuffer) -> Callable[..., Any]:
    async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            return await send({"type": "lifespan.shutdown.complete"})
        if scope["type"] != "http":
            return
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        query = scope.get("query_string", b"").decode("latin-1")
        answer = await buffer.answer_async(scope["method"], query, accept.decode("latin-1"))
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return app
