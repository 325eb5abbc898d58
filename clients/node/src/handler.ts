/** The endpoint inside an app's own web server. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SpanBuffer } from "./buffer.js";
import { Refusal } from "./pull.js";

/** Of fastify's request and reply, what is needed to answer on the socket below them. */
interface FastifyRequest {
  raw: IncomingMessage;
}
interface FastifyReply {
  raw: ServerResponse;
  hijack(): void;
}

/** Takes what `http`, express or fastify hand to a handler. */
export type Handler = (
  request: IncomingMessage | FastifyRequest,
  response: ServerResponse | FastifyReply,
) => void;

export function handler(buffer: SpanBuffer): Handler {
  return (request, response) => {
    if ("hijack" in response) response.hijack();
    const raw = "raw" in request ? request.raw : request;
    void respond(buffer, raw, "raw" in response ? response.raw : response);
  };
}

export async function respond(
  buffer: SpanBuffer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = request.url ?? "";
  const question = target.indexOf("?");
  const query = question < 0 ? "" : target.slice(question + 1);
  const accept = request.headers["accept-encoding"];
  const accepted = Array.isArray(accept) ? accept.join(",") : (accept ?? "");
  const answer = await buffer
    .answer(request.method ?? "GET", query, accepted)
    .catch(() =>
      new Refusal(500, "the spans could not be read: this is a fault of the span buffer").answer(),
    );
  response.writeHead(answer.status, answer.headers).end(answer.body);
}
