import { once } from "node:events";
import type { Socket } from "node:net";
import { connect as connectPlain } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { connect } from "node:tls";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { LocalSecurity } from "../services/local-security.js";
import type { Attempt } from "./attempt.js";

const ANSWER_MS_MAX = 10_000;
const QUERY_MS_MAX = 5_000;
/** OpenSSL's names of TLS alerts, and connections that close before a response. */
const NO_HANDSHAKE = /ALERT|ERR_SSL|ECONNRESET|EPIPE|was closed/;

export interface TlsAddresses {
  readonly kafkaBrokers: readonly string[];
  readonly redisUrl: string;
  readonly postgresUrl: string;
}

/** Attempts from the network, without any credentials. */
export function tlsAttempts(security: LocalSecurity, { kafkaBrokers, redisUrl, postgresUrl }: TlsAddresses): Attempt[] {
  const kafkaPort = Number(kafkaBrokers[0]?.split(":")[1]);
  const redisPort = Number(new URL(redisUrl).port);
  const ca = security.authority.certificate;
  const attempt = (what: string, run: Attempt["try"], refusal = NO_HANDSHAKE): Attempt => {
    return { who: "nobody", where: "TLS", what, refusal, try: run };
  };
  const plainPostgres = new URL(postgresUrl);
  return [
    attempt("connect to Kafka without a certificate", () => requestTls(kafkaPort, { ca }, API_VERSIONS)),
    attempt("connect to Kafka with TLS 1.2", () =>
      requestTls(kafkaPort, { ...security.kafkaTls("setup"), maxVersion: "TLSv1.2" }, API_VERSIONS),
    ),
    attempt("connect to Kafka without TLS", () =>
      sendRequest(connectPlain(kafkaPort, "127.0.0.1"), "connect", API_VERSIONS),
    ),
    attempt(
      "connect to Redis without a password",
      () => requestTls(redisPort, { ca }, "GET decision:txn_1\r\n"),
      /^NOAUTH|-NOAUTH/,
    ),
    attempt("connect to Redis with TLS 1.2", () => requestTls(redisPort, { ca, maxVersion: "TLSv1.2" }, "PING\r\n")),
    attempt("connect to Redis without TLS", () =>
      sendRequest(connectPlain(redisPort, "127.0.0.1"), "connect", "PING\r\n"),
    ),
    attempt("connect to Postgres without TLS", () => requestPlainly(plainPostgres.href), /no encryption|28000/),
  ];
}

/** An ApiVersions request, which Kafka clients send first. */
const API_VERSIONS = Buffer.from("0000000a00120000000000070000", "hex");

function requestTls(port: number, options: ConnectionOptions, request: Buffer | string): Promise<unknown> {
  return sendRequest(connect({ port, host: "127.0.0.1", ...options }), "secureConnect", request);
}

/** Resolves to the first bytes of the response. */
async function sendRequest(socket: Socket, ready: string, request: Buffer | string): Promise<unknown> {
  const ended = once(socket, "close").then(() => {
    throw new Error("the connection was closed");
  });
  const late = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    await Promise.race([once(socket, ready, { signal: late }), ended]);
    socket.write(request);
    const [answer] = await Promise.race([once(socket, "data", { signal: late }), ended]);
    const text = String(answer);
    // A TLS alert in plain text means that the handshake failed.
    if (text.startsWith("-") || text.startsWith("\u0015")) throw new Error(text.startsWith("-") ? text : "TLS ALERT");
    return text;
  } finally {
    ended.catch(() => undefined);
    socket.destroy();
  }
}

async function requestPlainly(url: string): Promise<void> {
  const options = { connectionsMax: 1, queryTimeoutMs: QUERY_MS_MAX, onIdleError: () => undefined };
  const database = connectDatabase({ url, ...options });
  try {
    await database.execute("SELECT 1");
  } finally {
    await database.close();
  }
}
