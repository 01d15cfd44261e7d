import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka, KafkaAdmin } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import type { CryptoKey } from "jose";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { IngestionConfig } from "../config.js";
import { ingestionConfig } from "../config.js";
import { startIngestion } from "../start-ingestion.js";

/** Shared by the tests of this service. */
export const ISSUER = "https://auth.tripline.test";
export const AUDIENCE = "urn:tripline:api";
export const ALL_SCOPES =
  "transactions:write decisions:read decisions:explain labels:write payment-updates:write fraud-reports:write";
export const CARD_NUMBER = "4111111111111111";

export interface TokenClaims {
  readonly tenant?: string;
  readonly scope?: string;
  readonly audience?: string;
  readonly issuer?: string;
  /** Lifetime of the token in seconds. */
  readonly expiresInSeconds?: number;
}

/** An issuer that publishes its keys over HTTP and signs tokens with them. */
export interface TestIssuer {
  readonly jwksUrl: string;
  /** The value of an Authorization header. */
  authorization(claims?: TokenClaims): Promise<string>;
  /** Like `authorization`, but signed with an unpublished key. */
  forged(): Promise<string>;
  close(): Promise<void>;
}

export async function startTestIssuer(): Promise<TestIssuer> {
  const [keys, foreign] = await Promise.all([generateKeyPair("ES256"), generateKeyPair("ES256")]);
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "test", alg: "ES256", use: "sig" };
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  });
  const port = await listen(server);
  return {
    jwksUrl: `http://127.0.0.1:${port}/jwks`,
    authorization: (claims = {}) => sign(keys.privateKey, claims),
    forged: () => sign(foreign.privateKey, {}),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function sign(key: CryptoKey, claims: TokenClaims): Promise<string> {
  const { tenant = "acme", scope = ALL_SCOPES, audience = AUDIENCE, issuer = ISSUER, expiresInSeconds = 300 } = claims;
  const token = await new SignJWT({ tenant, scope, client_id: "shop" })
    .setProtectedHeader({ alg: "ES256", kid: "test", typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject("shop")
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresInSeconds)
    .sign(key);
  return `Bearer ${token}`;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the test issuer has no port");
  return address.port;
}

export interface Infrastructure {
  readonly kafkaBrokers: readonly string[];
  readonly topicPrefix?: string;
  readonly redisUrl: string;
}

export function testEnvironment(
  infrastructure: Infrastructure,
  issuer: TestIssuer,
  changes: Record<string, string> = {},
): Record<string, string> {
  return {
    PORT: "0",
    LOG_LEVEL: "silent",
    KAFKA_BROKERS: infrastructure.kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: infrastructure.topicPrefix ?? "",
    REDIS_URL: infrastructure.redisUrl,
    REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
    AUTH_ISSUER: ISSUER,
    AUTH_JWKS_URL: issuer.jwksUrl,
    CARD_TOKEN_KEY: randomBytes(32).toString("base64"),
    // No rate limit, because one caller sends everything.
    RATE_LIMIT_TENANT: "0",
    RATE_LIMIT_CLIENT: "0",
    ...changes,
  };
}

export function testConfig(...parameters: Parameters<typeof testEnvironment>): IngestionConfig {
  return readConfig(ingestionConfig, testEnvironment(...parameters));
}

/** A service on the shared servers, and everything else that a test needs. */
export interface TestBed {
  readonly stack: TestStack;
  readonly issuer: TestIssuer;
  readonly config: IngestionConfig;
  readonly service: RunningService;
  readonly client: TestClient;
  readonly kafka: Kafka;
  readonly admin: KafkaAdmin;
  readonly redis: Redis;
  /** A client of `service`, or of the service at `url`, with different claims. */
  clientOf(claims: TokenClaims, url?: string): Promise<TestClient>;
  close(): Promise<void>;
}

export async function startTestBed(changes: Record<string, string> = {}): Promise<TestBed> {
  const [stack, issuer] = await Promise.all([testStack(), startTestIssuer()]);
  const config = testConfig(stack, issuer, changes);
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics({ partitions: TEST_PARTITIONS });
  const redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
  await awaitRedis(redis);
  const service = await startIngestion(config);
  const clientOf = async (claims: TokenClaims, url = service.url) =>
    new TestClient(url, await issuer.authorization(claims));
  return {
    stack,
    issuer,
    config,
    service,
    kafka,
    admin,
    redis,
    clientOf,
    client: await clientOf({}),
    async close() {
      await service.close();
      await admin.close();
      redis.disconnect();
      await issuer.close();
    },
  };
}

let count = 0;

/** A valid payment. Each call returns a new one. */
export function paymentBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  count += 1;
  return {
    transaction_id: `order-${count}`,
    card: { number: CARD_NUMBER },
    terminal_id: "t-42",
    amount: { minor: 1_299, currency: "EUR" },
    occurred_at: new Date(Date.now() - 1_000).toISOString(),
    ...changes,
  };
}

/** A valid label. Each call returns a new one. */
export function labelBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { transaction_id, card, terminal_id, occurred_at } = paymentBody();
  return { transaction_id, card, terminal_id, occurred_at, fraud: true, source: "chargeback", ...changes };
}

/** A valid update for a payment that was never sent. Each call returns a new one. */
export function updateBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { transaction_id, card, occurred_at } = paymentBody();
  return { transaction_id, update_id: "u-1", card, kind: "authorised", occurred_at, ...changes };
}

/** A valid report of a payment that was never sent. Each call returns a new report. */
export function reportBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { transaction_id, card, terminal_id, occurred_at } = paymentBody();
  const report_id = `dispute-${transaction_id}`;
  return { report_id, transaction_id, card, terminal_id, occurred_at, kind: "chargeback", ...changes };
}

/** Number of records in a topic, in all partitions. */
export async function recordCount(admin: KafkaAdmin, topic: string): Promise<number> {
  let sum = 0;
  for (const offset of (await admin.endOffsets(topic)).values()) sum += offset;
  return sum;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // `unknown`, because tests inspect it with matchers.
  readonly body: unknown;
}

/** A client of one service. */
export class TestClient {
  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call(path, { headers: this.headers(headers) });
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, JSON.stringify(body), { "content-type": "application/json", ...headers });
  }

  async postLines(path: string, lines: readonly string[], headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, lines.join("\n"), { "content-type": "application/x-ndjson", ...headers });
  }

  async send(path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<Answer> {
    return this.call(path, { method: "POST", body, headers: this.headers(headers) });
  }

  async call(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    const isJson = /json$/.test((response.headers.get("content-type") ?? "").split(";")[0] ?? "");
    const isNdjson = response.headers.get("content-type")?.includes("ndjson") ?? false;
    const body: unknown = isJson && !isNdjson && text !== "" ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, text, body };
  }

  private headers(more: Record<string, string>): Record<string, string> {
    return { authorization: this.token, ...more };
  }
}

/** The rows of an NDJSON response. */
export function rowsOf({ text }: Answer): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => JSON.parse(row));
}
