import encoding from "k6/encoding";
import exec from "k6/execution";
import http from "k6/http";

export interface Token {
  /** Value of the `Authorization` header. */
  readonly header: string;
  readonly fetchedAtMs: number;
  /** Far in the future for a token from TRIPLINE_TOKEN, which cannot be renewed. */
  readonly expiresAtMs: number;
}

const ANSWER_TIMEOUT = "10s";
const RETRY_MS = 1_000;
/** Users renew at different times in this part of a token's lifetime, not all at once. */
const RENEW_FROM_SHARE = 0.4;
const RENEW_SPREAD_SHARE = 0.4;
const SPREAD_STEPS = 100;
/** Coprime to the number of steps, so that consecutive users are far apart. */
const SPREAD_STRIDE = 61;

/** @throws Error in one sentence if there is none */
export function fetchToken(environment: Readonly<Record<string, string>>): Token {
  const fetchedAtMs = Date.now();
  const { TRIPLINE_TOKEN, TRIPLINE_TOKEN_URL, TRIPLINE_CLIENT_ID, TRIPLINE_CLIENT_SECRET } = environment;
  if (TRIPLINE_TOKEN) {
    return { header: `Bearer ${TRIPLINE_TOKEN}`, fetchedAtMs, expiresAtMs: Number.MAX_SAFE_INTEGER };
  }
  if (!TRIPLINE_TOKEN_URL || !TRIPLINE_CLIENT_ID || !TRIPLINE_CLIENT_SECRET) {
    throw new Error(
      "There are no credentials: set TRIPLINE_TOKEN_URL, TRIPLINE_CLIENT_ID and TRIPLINE_CLIENT_SECRET, or TRIPLINE_TOKEN.",
    );
  }
  const credentials = encoding.b64encode(`${TRIPLINE_CLIENT_ID}:${TRIPLINE_CLIENT_SECRET}`);
  const response = http.post(
    TRIPLINE_TOKEN_URL,
    { grant_type: "client_credentials" },
    {
      headers: { authorization: `Basic ${credentials}` },
      timeout: ANSWER_TIMEOUT,
      responseType: "text",
      tags: { name: "token" },
    },
  );
  const answer = response.status === 200 ? readTokenAnswer(response.body) : undefined;
  if (answer === undefined) {
    throw new Error(`${TRIPLINE_TOKEN_URL} issued no token to ${TRIPLINE_CLIENT_ID}: it returned ${response.status}.`);
  }
  return {
    header: `Bearer ${answer.token}`,
    fetchedAtMs,
    expiresAtMs: fetchedAtMs + answer.lifeSeconds * 1_000,
  };
}

function readTokenAnswer(body: string): { token: string; lifeSeconds: number } | undefined {
  const answer: unknown = JSON.parse(body);
  if (typeof answer !== "object" || answer === null) return undefined;
  const { access_token: token, expires_in: lifeSeconds } = answer as Record<string, unknown>;
  return typeof token === "string" && typeof lifeSeconds === "number" ? { token, lifeSeconds } : undefined;
}

/** The token of one virtual user, initially the one from `setup`. It is renewed long before it expires. */
let held: Token | undefined;
let renewAtMs = 0;

/** Aborts the whole test if the token has expired and cannot be renewed. */
export function authorization(first: Token): string {
  if (held === undefined) keep(first);
  const token = held ?? first;
  if (Date.now() < renewAtMs) return token.header;
  try {
    return keep(fetchToken(__ENV));
  } catch (error) {
    if (Date.now() > token.expiresAtMs) exec.test.abort(`The token has expired. ${error}`);
    renewAtMs = Date.now() + RETRY_MS;
    return token.header;
  }
}

function keep(token: Token): string {
  held = token;
  const spread = ((exec.vu.idInTest * SPREAD_STRIDE) % SPREAD_STEPS) / SPREAD_STEPS;
  const lifeMs = token.expiresAtMs - token.fetchedAtMs;
  renewAtMs = token.fetchedAtMs + lifeMs * (RENEW_FROM_SHARE + RENEW_SPREAD_SHARE * spread);
  return token.header;
}
