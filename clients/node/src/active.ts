/** The OpenTracing span of the running asynchronous call. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Span } from "opentracing";

export const active = new AsyncLocalStorage<Span>();
