import { TriplineError } from "@tripline/contracts/error-table";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Session } from "../sessions/session-store.js";

/** Long enough for a backtest or a long list. */
const ANSWER_MS_MAX = 30_000;
const ANSWER_BYTES_MAX = 16_777_216;

const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "DELETE"]);
/** Response headers that are forwarded. */
const PASSED_HEADERS = ["content-type", "content-disposition", "retry-after", "location"];

/** A service that the page can call through the console. */
export interface Neighbour {
  /** Name for the beginning of a sentence. */
  readonly name: string;
  readonly url: string;
  /** Prefix of the upstream's paths in the console. */
  readonly prefix: string;
  /** The upstream's paths that users may call, without escapes. */
  readonly allowed: RegExp;
}

/**
 * Forwards a request upstream with the user's own token, so that the user's permissions apply.
 *
 * @throws TriplineError `not-found` for a path that is not forwarded, `service-unavailable`
 */
export async function forwardRequest(
  { name, url, prefix, allowed }: Neighbour,
  session: Session,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { pathname, search } = new URL(request.url, url);
  const path = pathname.slice(prefix.length);
  // Names may contain dots, but `..` as a whole segment would have changed the path when it was parsed.
  const isPlain = request.url.split("?", 1)[0] === pathname;
  if (!isPlain || !allowed.test(path) || !METHODS.has(request.method)) {
    throw new TriplineError("not-found", "Not found.");
  }
  const answer = await ask(name, url.replace(/\/$/, "") + path + search, request, session);
  const body = Buffer.from(await answer.arrayBuffer());
  if (body.length > ANSWER_BYTES_MAX) throw new TriplineError("service-unavailable", "The response is too long.");
  for (const header of PASSED_HEADERS) {
    const value = answer.headers.get(header);
    if (value !== null) reply.header(header, value);
  }
  await reply.status(statusOf(answer)).send(body.length === 0 ? undefined : body);
}

async function ask(name: string, url: string, { method, body }: FastifyRequest, session: Session): Promise<Response> {
  const hasBody = body !== undefined && body !== null;
  try {
    return await fetch(url, {
      method,
      redirect: "error",
      // The browser's own headers are not forwarded, because they could impersonate another user.
      headers: {
        authorization: `Bearer ${session.tokens.access}`,
        accept: "application/json",
        ...(hasBody ? { "content-type": "application/json" } : {}),
      },
      ...(hasBody ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  } catch (cause) {
    throw new TriplineError("service-unavailable", `${name} is unavailable.`, [], { cause });
  }
}

/** A token that the upstream service rejects does not end the session. */
function statusOf({ status }: Response): number {
  return status === 401 ? 502 : status;
}
