/** The endpoint on a port of its own. */
import cluster from "node:cluster";
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from "node:https";
import type { SpanBuffer } from "./buffer.js";
import { respond } from "./handler.js";
import { type Answer, Refusal } from "./pull.js";

export const PATH = "/debug/spans";
const CONNECTIONS_MAX = 8;
/** Workers of a cluster look for a free port this far. */
const CLUSTER_PORTS = 64;

export interface ServeOptions {
  /** Readers must send it as `authorization: Bearer …`. */
  token?: string;
  /** Certificate and key, for HTTPS. */
  tls?: TlsOptions;
}

export async function serve(
  buffer: SpanBuffer,
  port: number,
  host: string,
  options: ServeOptions,
): Promise<Server> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = refuse(request, options.token);
    if (refusal) response.writeHead(refusal.status, refusal.headers).end(refusal.body);
    else void respond(buffer, request, response);
  };
  const limits = {
    keepAliveTimeout: 75_000,
    headersTimeout: 5_000,
    requestTimeout: 60_000,
    maxHeaderSize: 8192,
  };
  const server = options.tls
    ? createTlsServer({ ...limits, ...options.tls }, listener)
    : createServer(limits, listener);
  server.maxConnections = CONNECTIONS_MAX;
  const ports = cluster.isWorker && port !== 0 ? CLUSTER_PORTS : 1;
  for (let candidate = port; ; candidate += 1) {
    // Not shared: the cluster's primary would spread requests, and cursors, over all workers.
    server.listen({ port: candidate, host, exclusive: true });
    try {
      await once(server, "listening");
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || candidate + 1 >= port + ports)
        throw error;
    }
  }
  server.unref();
  server.on("connection", (socket) => socket.unref());
  return server;
}

function refuse(request: IncomingMessage, token: string | undefined): Answer | undefined {
  if (token !== undefined) {
    const given = Buffer.from(request.headers.authorization ?? "");
    const wanted = Buffer.from(`Bearer ${token}`);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      return new Refusal(401, "a bearer token is needed to read spans").answer();
    }
  }
  if (request.url?.split("?")[0] !== PATH) return new Refusal(404, `spans are at ${PATH}`).answer();
  return undefined;
}
