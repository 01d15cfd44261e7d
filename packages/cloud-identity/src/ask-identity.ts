import { readFile } from "node:fs/promises";
import { types } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";
import type { z } from "zod";

const ANSWER_MS_MAX = 3_000;
const BODY_CHARS_SHOWN = 200;

export interface IdentityRequest {
  /** Who is asked, for the sentence that says so when it fails. */
  readonly who: string;
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: URLSearchParams;
}

/**
 * One request to whoever hands out tokens, within 3 s.
 *
 * @returns the parsed JSON
 * @throws TriplineError `identity-unavailable`; never with the token in it
 */
export async function askForJson<S extends z.ZodType>(request: IdentityRequest, answer: S): Promise<z.infer<S>> {
  const text = await askForText(request);
  const parsed = answer.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw unavailable(`${request.who} answers something else than a token.`);
}

/** As `askForJson`, for an answer in plain text. */
export async function askForText({ who, url, method = "GET", headers = {}, body }: IdentityRequest): Promise<string> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers,
      signal,
      redirect: "error",
      ...(body === undefined ? {} : { body }),
    });
    text = await response.text();
  } catch (thrown) {
    throw unavailable(`${who} does not answer at ${new URL(url).host}: ${reasonOf(thrown)}.`, thrown);
  }
  if (response.ok) return text;
  throw unavailable(`${who} gives no token (HTTP ${response.status}): ${text.trim().slice(0, BODY_CHARS_SHOWN)}`);
}

/** The token that the cluster puts into a pod's file and replaces there; so it is read for each use. */
export async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (thrown) {
    throw unavailable(`The token of the service account cannot be read: ${reasonOf(thrown)}.`, thrown);
  }
}

export function unavailable(detail: string, cause?: unknown): TriplineError {
  return new TriplineError("identity-unavailable", detail, [], { cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What `fetch` throws says only that it failed; the reason is its cause. */
function reasonOf(thrown: unknown): string {
  if (!types.isNativeError(thrown)) return String(thrown);
  return types.isNativeError(thrown.cause) ? thrown.cause.message : thrown.message;
}
