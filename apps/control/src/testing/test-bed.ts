import { once } from "node:events";
import { createServer } from "node:http";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { controlConfig } from "../config.js";
import { startControl } from "../start-control.js";

const ISSUER = "https://auth.tripline.test";
const AUDIENCE = "urn:tripline:api";
const LIFETIME = "5m";
export const OPERATOR_TENANT = "bank";
const ALL_SCOPES = "policy:read policy:write policy:approve audit:read";

export interface Answer {
  readonly status: number;
  // `unknown`, because tests inspect it with matchers.
  readonly body: unknown;
}

/** Calls the service as one client of one tenant. */
export interface TestCaller {
  get(path: string): Promise<Answer>;
  send(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<Answer>;
}

/** The service on the test run's shared Kafka and Postgres, and its callers. */
export interface TestBed {
  readonly stack: TestStack;
  readonly kafka: Kafka;
  readonly service: RunningService;
  /** @param claims `owner` makes the caller a machine client of that user; empty for a client without an owner */
  as(subject: string, claims?: { tenant?: string; scope?: string; url?: string; owner?: string }): TestCaller;
  /** A second instance on the same database and topics. @param environment differences from the first instance */
  startAnother(environment?: Readonly<Record<string, string>>): Promise<RunningService>;
  close(): Promise<void>;
}

/** @param environment differences from the defaults */
export async function startTestBed(environment: Readonly<Record<string, string>> = {}): Promise<TestBed> {
  const [stack, keys] = await Promise.all([testStack(), generateKeyPair("ES256")]);
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "test", alg: "ES256", use: "sig" };
  const issuer = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  }).listen(0, "127.0.0.1");
  await once(issuer, "listening");
  const address = issuer.address();
  if (address === null || typeof address === "string") throw new Error("the issuer has no port");
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics({ partitions: TEST_PARTITIONS });
  await admin.close();
  const given = {
    PORT: "0",
    LOG_LEVEL: "silent",
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: stack.topicPrefix,
    POSTGRES_URL: stack.postgresUrl,
    AUTH_ISSUER: ISSUER,
    AUTH_JWKS_URL: `http://127.0.0.1:${address.port}/jwks`,
    OPERATOR_TENANT,
    ...environment,
  };
  const running = [await startControl(readConfig(controlConfig, given))];
  const [service] = running as [RunningService];
  const token = (subject: string, tenant: string, scope: string, owner: string | undefined) =>
    new SignJWT({
      ...{ tenant, scope, client_id: owner === undefined ? "console" : subject },
      ...(owner === undefined || owner === "" ? {} : { owner }),
    })
      .setProtectedHeader({ alg: "ES256", kid: "test", typ: "at+jwt" })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(LIFETIME)
      .sign(keys.privateKey);
  return {
    stack,
    kafka,
    service,
    as(subject, { tenant = "acme", scope = ALL_SCOPES, url = service.url, owner } = {}) {
      const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
        const response = await fetch(url + path, {
          method,
          headers: {
            authorization: `Bearer ${await token(subject, tenant, scope, owner)}`,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
      };
      return { get: (path) => call("GET", path), send: call };
    },
    async startAnother(changes = {}) {
      const another = await startControl(readConfig(controlConfig, { ...given, ...changes }));
      running.push(another);
      return another;
    },
    async close() {
      for (const one of running.reverse()) await one.close();
      issuer.close();
    },
  };
}
