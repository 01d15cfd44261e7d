import type { Call } from "../call-policy.js";
import { explainServerMessage } from "../explain-server-message.js";
import { FeastError, messageOf } from "../feast-error.js";

export interface Endpoint {
  /** The server, including a path prefix that a proxy may have added. */
  readonly url: string;
  /** Called for every request, so that the token can be renewed. */
  readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly fetch: typeof fetch;
}

const UNAVAILABLE = new Set([502, 503, 504]);
const BODY_CHARACTERS_MAX = 500;

/** Keeps integers beyond 2^53 exact, because JSON does not limit them and Python parses them exactly. */
export function stringifyExactly(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "bigint" ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(item)) : item,
  );
}

/**
 * Posts JSON and returns the body of a successful response.
 *
 * @throws FeastError
 */
export async function postJson(endpoint: Endpoint, path: string, body: string, call: Call): Promise<string> {
  const { status, text } = await exchange(endpoint, path, body, call);
  if (status >= 200 && status < 300) return text;
  throw explainStatus(status, text);
}

async function exchange(
  { url, headers, fetch }: Endpoint,
  path: string,
  body: string,
  call: Call,
): Promise<{ status: number; text: string }> {
  try {
    const own = await call.bound(Promise.resolve(headers()));
    const response = await fetch(url + path, {
      method: "POST",
      headers: { ...own, "content-type": "application/json", accept: "application/json" },
      body,
      signal: call.abortSignal(),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw call.endReason() ?? explainFailure(error, url);
  }
}

/** fetch says only "fetch failed"; the reason is in the cause. */
function explainFailure(error: unknown, url: string): FeastError {
  if (error instanceof FeastError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  // If a name has several addresses, the cause has a code but no message.
  const reason = messageOf(cause) || String((cause as { code?: unknown }).code ?? messageOf(error));
  const message = `The feature server at ${url} cannot be reached: ${reason}.`;
  return new FeastError("unavailable", message, undefined, { cause: error });
}

function explainStatus(status: number, body: string): FeastError {
  const message = `${readDetail(body)} (HTTP ${status})`;
  if (status === 401 || status === 403) return new FeastError("unauthorized", `Feast responded: ${message}`);
  if (status === 429) return new FeastError("overloaded", `Feast responded: ${message}`);
  if (UNAVAILABLE.has(status)) return new FeastError("unavailable", `Feast responded: ${message}`);
  return explainServerMessage(message, status === 400 || status === 422 ? "invalid-request" : "server-error");
}

/**
 * The message in the body of a Feast error. The body is a JSON string, a JSON string that contains the JSON of a Feast error
 * with a `message`, or an object with the `detail` of Feast's web framework.
 */
function readDetail(body: string): string {
  let detail: unknown = body;
  for (let depth = 0; depth < 2 && typeof detail === "string"; depth += 1) {
    try {
      detail = JSON.parse(detail);
    } catch {
      break;
    }
  }
  const { message, detail: inner } = (typeof detail === "object" && detail !== null ? detail : {}) as {
    message?: unknown;
    detail?: unknown;
  };
  const words = message ?? inner ?? detail;
  return (typeof words === "string" ? words : JSON.stringify(words)).slice(0, BODY_CHARACTERS_MAX);
}
