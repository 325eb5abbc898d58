import { asObject, asString } from "../base/json.ts";
import { failure, type Result, success } from "../base/result.ts";
import { say } from "../base/say.ts";

/** An answer above this is not parsed: the browser tab would die on it. */
const ANSWER_LENGTH_MAX = 512 * 1024 * 1024;

/** A server that is there answers or gives a query up after 60 s; one that is silent for longer is away. */
const ANSWER_MILLIS_MAX = 75_000;

/** A list stands for a parameter that is given several times. */
export type Parameters = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** A path with its parameters; undefined and empty ones are left out. */
export function withParameters(path: string, parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) for (const one of value) search.append(key, one);
    else if (value !== undefined && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Gets and parses JSON. */
export function getJson<T>(
  path: string,
  parameters: Parameters,
  parse: (json: unknown) => T,
  signal?: AbortSignal,
): Promise<Result<T>> {
  return getText(path, parameters, (text) => parse(JSON.parse(text)), signal);
}

/** Gets and reads text of any kind. */
export function getText<T>(
  path: string,
  parameters: Parameters,
  parse: (text: string) => T,
  signal?: AbortSignal,
): Promise<Result<T>> {
  const init: RequestInit = { headers: { accept: "application/json" } };
  if (signal) init.signal = signal;
  return ask(withParameters(path, parameters), init, parse);
}

/** Sends JSON and parses what comes back, or nothing of a 204. */
export function sendJson<T>(
  method: "PUT" | "DELETE",
  path: string,
  body: unknown,
  parse: (json: unknown) => T,
): Promise<Result<T>> {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const init: RequestInit = { method, headers };
  if (body !== null) init.body = JSON.stringify(body);
  return ask(path, init, (text) => parse(text === "" ? null : JSON.parse(text)));
}

/** A question that was asked before the page that wants it was here. */
let ahead: { readonly path: string; readonly response: Promise<Response> } | null = null;

/** Asks now, for whoever asks the same next: so the answer is on its way while the page's own file still comes. */
export function askAhead(path: string): void {
  const signal = AbortSignal.timeout(ANSWER_MILLIS_MAX);
  const response = fetch(path, { headers: { accept: "application/json" }, signal });
  // Whoever takes it sees the failure; where nobody does, nobody is to be told.
  response.catch(() => {});
  ahead = { path, response };
}

function takeAhead(path: string): Promise<Response> | null {
  if (ahead?.path !== path) return null;
  const { response } = ahead;
  ahead = null;
  return response;
}

/** The only place of the UI that opens a connection. */
async function ask<T>(
  path: string,
  init: RequestInit,
  parse: (text: string) => T,
): Promise<Result<T>> {
  let response: Response;
  let text: string;
  try {
    response = await (takeAhead(path) ?? fetch(path, { ...init, signal: patient(init.signal) }));
    text = await response.text();
  } catch (error) {
    if (init.signal?.aborted) return failure(say("client.theRequestWasGivenUp"));
    return failure(
      say("client.sigynDoesNotAnswer", {
        value: String(error instanceof Error ? error.message : error),
      }),
    );
  }
  if (!response.ok) return failure(errorSentence(text, response.status), response.status);
  if (text.length > ANSWER_LENGTH_MAX) return failure(say("client.theAnswerIsTooLargeTo"));
  try {
    return success(parse(text));
  } catch {
    const [bare] = path.split("?");
    return failure(say("client.theAnswerToIsNothingThat", { bare }), response.status);
  }
}

/** Ends when the asker gives up, and when nobody answers. */
function patient(signal: AbortSignal | null | undefined): AbortSignal {
  const silence = AbortSignal.timeout(ANSWER_MILLIS_MAX);
  return signal ? AbortSignal.any([signal, silence]) : silence;
}

/** The server's own words: `{"error": …}`, Prometheus' and Tempo's envelopes, or plain text. */
export function errorSentence(body: string, status: number): string {
  const text = body.trim();
  try {
    const fields = asObject(JSON.parse(text));
    for (const key of ["error", "message", "title"]) {
      const sentence = asString(fields[key]);
      if (sentence !== "") return sentence;
    }
  } catch {
    // Not JSON: the text itself is the sentence, unless it is a proxy's page.
  }
  if (text !== "" && !text.startsWith("<") && text.length < 2000) return text;
  return say("client.theServerAnsweredWithStatusAnd", { status });
}
