import { parseJson, sendRequest } from "@tripline/cloud-identity/request-identity";
import { z } from "zod";

const STATUS_OK = 200;
const REASON_CHARS_MAX = 300;

export interface KeyServiceRequest<S extends z.ZodType> {
  /** Name of the service, for error messages. */
  readonly who: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
  readonly answer: S;
}

const cloudError = z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message);
const vaultErrors = z.object({ errors: z.array(z.string()).min(1) }).transform(({ errors }) => errors.join("; "));
const refusal = z.union([cloudError, vaultErrors]).catch("");

/**
 * Sends one request to a key service, with a timeout of 3 s.
 *
 * @throws Error in one sentence, which includes the service's own message if it rejected the request
 */
export async function requestKeyService<S extends z.ZodType>(request: KeyServiceRequest<S>): Promise<z.infer<S>> {
  const { who, url, answer } = request;
  const headers = { "content-type": "application/json", ...request.headers };
  const { status, text } = await sendRequest({ who, url, method: "POST", headers, body: JSON.stringify(request.body) });
  const given = parseJson(text);
  const parsed = answer.safeParse(given);
  if (status === STATUS_OK && parsed.success) return parsed.data;
  if (status === STATUS_OK) throw new Error(`The response of ${who} contains no key.`);
  const why = refusal.parse(given).replace(/\s+/g, " ").trim().replace(/\.$/, "").slice(0, REASON_CHARS_MAX);
  throw new Error(`${who} rejected the request (HTTP ${status})${why === "" ? "" : `: ${why}`}.`);
}
