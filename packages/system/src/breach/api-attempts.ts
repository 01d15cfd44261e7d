import { once } from "node:events";
import { connect } from "node:http2";
import { request } from "node:https";
import { AccessTokens } from "@tripline/client/access-tokens";
import type { LocalSecurity } from "../services/local-security.js";
import { CONSOLE_CLIENT_ID, TRAINING_CLIENT_ID } from "../services/plan-services.js";
import type { ServiceAddresses } from "../services/run-system.js";
import type { Attempt } from "./attempt.js";

const ANSWER_MS_MAX = 10_000;
const NO_TOKEN = /^401 /;
/** Rejection of a token without the scope, or of a certificate that the scoring service does not accept. */
const NO_SCOPE = /^403 /;
/** The token endpoint's response to a client that may not use this grant. */
const NO_GRANT = /answered 40[0-3]:/;
/** The error that occurs when the server closes an unauthorised client's connection. */
const NOT_SERVED = /ECONNRESET|NGHTTP2|ERR_HTTP2|socket hang up|closed/;
const SERVER_LIVE = "/inference.GRPCInferenceService/ServerLive";
/** A gRPC message: uncompressed, zero bytes. */
const EMPTY_MESSAGE = Buffer.alloc(5);

type Call = readonly [service: keyof ServiceAddresses, method: "GET" | "POST", path: string, what: string];

/** Attempts with a valid certificate but without a token. */
const WITHOUT_TOKEN: readonly Call[] = [
  ["ingestion", "POST", "/v1/transactions", "send a payment"],
  ["features", "POST", "/get-online-features", "read features"],
  ["control", "POST", "/v1/lists/deny/entries", "put a card on a list"],
  ["auth", "GET", "/v1/people", "list users"],
  ["ingestion", "POST", "/v1/labels", "report a fraud"],
  ["control", "GET", "/v1/audit/log", "read the audit log"],
];
const TRIED_WITHOUT_TOKEN = 2;

/** Attempts with the training worker's token, which permits only viewing and changing model rollouts. */
const AS_TRAINING: readonly Call[] = [
  ["ingestion", "POST", "/v1/transactions", "send a payment"],
  ["ingestion", "GET", "/v1/decisions/txn_breach", "read a decision"],
  ["features", "POST", "/get-online-features", "read features"],
  ["control", "POST", "/v1/policy/revisions", "write a policy"],
  ["control", "POST", "/v1/lists/deny/entries", "put a card on a list"],
  ["control", "POST", "/v1/erasures", "erase a person"],
  ["control", "POST", "/v1/personal/open", "read personal data"],
  ["auth", "GET", "/v1/people", "list users"],
  ["auth", "POST", "/v1/clients", "register a client"],
];

export interface ClientAttemptOptions {
  readonly addresses: ServiceAddresses;
  readonly trainingSecret: string;
  readonly consoleSecret: string;
}

/** Attempts by the services' own clients on the HTTP APIs. */
export function clientAttempts({ addresses, trainingSecret, consoleSecret }: ClientAttemptOptions): readonly Attempt[] {
  const tokenUrl = `${addresses.auth}/oauth/token`;
  const tokens = new AccessTokens({ tokenUrl, clientId: TRAINING_CLIENT_ID, clientSecret: trainingSecret });
  const console = new AccessTokens({ tokenUrl, clientId: CONSOLE_CLIENT_ID, clientSecret: consoleSecret });
  return [
    ...AS_TRAINING.map(
      ([service, method, path, what]): Attempt => ({
        who: "training",
        where: "API",
        what: `${what} (${service})`,
        refusal: NO_SCOPE,
        try: async () => {
          const headers = { authorization: await tokens.authorization(), "content-type": "application/json" };
          const body = method === "POST" ? { body: "{}" } : {};
          const response = await fetch(addresses[service] + path, { method, headers, ...body });
          return refusedBelow400(response.status, await response.text());
        },
      }),
    ),
    {
      who: "console",
      where: "API",
      what: "get a token without a user (auth)",
      refusal: NO_GRANT,
      try: () => console.authorization(),
    },
  ];
}

export interface CertificateAttemptOptions {
  readonly security: LocalSecurity;
  readonly addresses: ServiceAddresses;
  /** host:port */
  readonly scoringAddress: string;
  /** URL of scoring's HTTP port. */
  readonly scoringUrl: string;
  /** The clients that the scoring service accepts. */
  readonly scoringClients: readonly string[];
}

/**
 * Attempts by each service with its certificate: on HTTP APIs without a token, and on the scoring service over gRPC and
 * HTTP.
 */
export function certificateAttempts(options: CertificateAttemptOptions): readonly Attempt[] {
  const { security, addresses, scoringAddress, scoringUrl, scoringClients } = options;
  return Object.keys(security.rules.services).flatMap((who, index) => {
    const calls = Array.from(
      { length: TRIED_WITHOUT_TOKEN },
      (_, turn) => WITHOUT_TOKEN[(index * TRIED_WITHOUT_TOKEN + turn) % WITHOUT_TOKEN.length],
    ).filter((call) => call !== undefined);
    return [
      ...calls.map(
        ([service, method, path, what]): Attempt => ({
          who,
          where: "API",
          what: `${what} (${service})`,
          refusal: NO_TOKEN,
          try: () => requestWithCertificate(security, who, addresses[service] + path, method),
        }),
      ),
      ...(scoringClients.includes(who)
        ? []
        : [
            {
              ...({ who, where: "API", what: "request a score (scoring, gRPC)", refusal: NOT_SERVED } as const),
              try: () => requestGrpc(security, who, scoringAddress),
            },
            {
              ...({ who, where: "API", what: "request a score (scoring, HTTP)", refusal: NO_SCOPE } as const),
              try: () => requestWithCertificate(security, who, `${scoringUrl}/v2/models/fraud`, "GET"),
            },
          ]),
    ];
  });
}

/** @throws Error with status and text for an error status */
function refusedBelow400(status: number, text: string): string {
  if (status < 400) return text;
  throw new Error(`${status} ${codeIn(text)}`);
}

function codeIn(text: string): string {
  return /"code":"([a-z-]+)"/.exec(text)?.[1] ?? text.slice(0, 80);
}

function requestWithCertificate(security: LocalSecurity, who: string, url: string, method: string): Promise<string> {
  const headers = method === "POST" ? { "content-type": "application/json" } : {};
  return new Promise((resolve, reject) => {
    const options = { method, headers, ...security.kafkaTls(who), agent: false, timeout: ANSWER_MS_MAX };
    const asked = request(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        try {
          resolve(refusedBelow400(response.statusCode ?? 0, Buffer.concat(parts).toString()));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on("error", reject).on("timeout", () => asked.destroy(new Error("no response")));
    asked.end(method === "POST" ? "{}" : undefined);
  });
}

/** Resolves for any response status. */
async function requestGrpc(security: LocalSecurity, who: string, address: string): Promise<unknown> {
  const session = connect(`https://${address}`, { ...security.kafkaTls(who), ALPNProtocols: ["h2"] });
  const closed = once(session, "close").then(() => {
    throw new Error("the connection was closed");
  });
  closed.catch(() => undefined);
  try {
    const headers = { ":method": "POST", ":path": SERVER_LIVE, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(headers);
    stream.setTimeout(ANSWER_MS_MAX, () => stream.destroy(new Error("no response")));
    stream.end(EMPTY_MESSAGE);
    const [answer] = await Promise.race([once(stream, "response"), closed]);
    return answer;
  } finally {
    session.on("error", () => undefined).destroy();
  }
}
