import { readFile } from "node:fs/promises";
import { types } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";

/** Maximum wait for one response. */
export const ANSWER_MS_MAX = 3_000;
const BODY_CHARS_SHOWN = 200;

export interface IdentityRequest {
  /** Name of the server, for error messages. */
  readonly who: string;
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface IdentityAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * Sends one request to a token issuer, with a timeout of 3 s.
 *
 * @returns the response, regardless of its status
 * @throws TriplineError `identity-unavailable` if there is no response
 */
export async function sendRequest({
  who,
  url,
  method = "GET",
  headers = {},
  body,
}: IdentityRequest): Promise<IdentityAnswer> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal,
      redirect: "error",
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (thrown) {
    throw silent(who, new URL(url).host, thrown);
  }
}

/**
 * Reads the token that the cluster writes to a file in the pod. The cluster rotates the token, so the file is read for
 * each use.
 */
export async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (thrown) {
    throw unavailable(`The token of the service account cannot be read: ${reasonOf(thrown)}.`, thrown);
  }
}

/** The error for a `host` that does not respond. */
export function silent(who: string, host: string, cause: unknown): TriplineError {
  return unavailable(`${who} is not responding at ${host}: ${reasonOf(cause)}.`, cause);
}

/** The error for a rejected request, with the server's own message. */
export function refused(who: string, status: number, text: string, cause?: unknown): TriplineError {
  return unavailable(`${who} issued no token (HTTP ${status}): ${text.trim().slice(0, BODY_CHARS_SHOWN)}`, cause);
}

/** The error for a response that is neither a token nor an error. */
export function strange(who: string, cause?: unknown): TriplineError {
  return unavailable(`${who} did not return a token.`, cause);
}

export function unavailable(detail: string, cause?: unknown): TriplineError {
  return new TriplineError("identity-unavailable", detail, [], { cause });
}

/** @returns undefined if the text is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `fetch` reports only that it failed; the reason is in its cause. Removes the trailing full stop. */
function reasonOf(thrown: unknown): string {
  if (!types.isNativeError(thrown)) return String(thrown);
  const { message } = types.isNativeError(thrown.cause) ? thrown.cause : thrown;
  return message.replace(/\.$/, "");
}
