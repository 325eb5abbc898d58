"""Sigyn's span buffer: the newest finished spans of this process, for a collector to read.

It is not an exporter: it opens no connection, knows no collector, and never slows the app down when
nobody reads. ``sigyn_buffer.opentracing`` is a tracer of its own for apps on OpenTracing.
"""

from .buffer import Drain, SpanBuffer
from .exemplars import exemplar
from .exit import drain_on_exit
from .server import Server, serve

__all__ = ["Drain", "Server", "SpanBuffer", "drain_on_exit", "exemplar", "serve"]
__version__ = "0.1.0"
