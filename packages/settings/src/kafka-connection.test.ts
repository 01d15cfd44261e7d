import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "@tripline/cloud-identity/testing/certificates";
import type { TestIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { startIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { clientOpener } from "@tripline/kafka/open-client";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { TestResources } from "@tripline/kafka/testing/test-resources";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { z } from "zod";
import { kafkaConfig } from "./connection-config.js";
import type { KafkaConnection } from "./kafka-connection.js";
import { kafkaConnection } from "./kafka-connection.js";
import { readConfig } from "./read-config.js";

/**
 * A broker with authentication: TLS with passwords or tokens, and client certificates. The tokens are JWTs like
 * Entra's, which the broker verifies with the signing key.
 */

const START_MS_MAX = 180_000;
const AUDIENCE = "https://127.0.0.1/.default";
const PASSWORDS = { plain: "plain-secret", "scram-sha-256": "scram-256-secret", "scram-sha-512": "scram-512-secret" };
/** The broker ends a session after this time unless it is re-authenticated. */
const SESSION_MS_MAX = 7_000;
/** Token lifetime for the client; the broker accepts it for longer. */
const TOKEN_SECONDS = 4;

const onStop = (error: Error) => {
  throw error;
};

const schema = z.object(kafkaConfig);
const resources = new TestResources();
let directory: string;
let stack: LocalStack;
let secureBroker: string;
let certifiedBroker: string;
let identity: TestIdentityServer;
let tokensMinted = 0;
let files: { readonly ca: string; readonly clientCertificate: string; readonly clientKey: string };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-secure-kafka-"));
  const [securePort = 0, certifiedPort = 0] = await findFreePorts(2);
  secureBroker = `127.0.0.1:${securePort}`;
  certifiedBroker = `127.0.0.1:${certifiedPort}`;
  const server = await makeCertificate("kafka", ["127.0.0.1"]);
  const client = await makeCertificate("features", ["features.test"]);
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const write = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  files = {
    ca: await write("ca.pem", server.certificate),
    clientCertificate: await write("client.pem", client.certificate),
    clientKey: await write("client.key", client.key),
  };
  const jwks = await write(
    "jwks.json",
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256" }] }),
  );
  identity = await startIdentityServer(async (scope) => {
    tokensMinted += 1;
    const token = new SignJWT({ oid: "object-1", jti: `${tokensMinted}` })
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setSubject("features")
      .setAudience(scope)
      .setIssuer("https://entra.test")
      .setIssuedAt()
      .setExpirationTime("10 minutes");
    return { text: await token.sign(privateKey), seconds: TOKEN_SECONDS };
  });
  stack = await startStack({
    directory: join(directory, "stack"),
    parts: ["kafka"],
    isDurable: false,
    endOnSignals: false,
    kafkaExtras: {
      listeners: { SASL_SSL: securePort, SSL: certifiedPort },
      settings: brokerSettings({
        keyStore: await write("server.pem", `${server.key}\n${server.certificate}`),
        trustStore: files.clientCertificate,
        jwks: `file://${jwks}`,
      }),
      formatArgs: [256, 512].flatMap((bits) => [
        "--add-scram",
        `SCRAM-SHA-${bits}=[name=features,password=scram-${bits}-secret]`,
      ]),
      jvmFlags: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://${jwks}`],
    },
  });
  const admin = await connectKafka({ brokers: stack.kafkaBrokers, clientId: "test" }).admin();
  await admin.ensureTopics();
  await admin.close();
}, START_MS_MAX);

afterEach(() => resources.close());

afterAll(async () => {
  await Promise.all([stack?.stop(), identity?.close()]);
  await rm(directory, { recursive: true, force: true });
}, START_MS_MAX);

function brokerSettings(of: { keyStore: string; trustStore: string; jwks: string }): Record<string, string> {
  const modules = "org.apache.kafka.common.security";
  const sasl = "listener.name.sasl_ssl";
  return {
    // Access rules as in `infra/`: one user may use only its own topics, the others may use all of them.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS;User:features;User:CN=features",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": of.keyStore,
    "listener.name.ssl.ssl.client.auth": "required",
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": of.trustStore,
    [`${sasl}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`${sasl}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required user_features="${PASSWORDS.plain}" user_limited="${PASSWORDS.plain}";`,
    [`${sasl}.scram-sha-256.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${sasl}.scram-sha-512.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${sasl}.oauthbearer.sasl.jaas.config`]: `${modules}.oauthbearer.OAuthBearerLoginModule required;`,
    [`${sasl}.oauthbearer.sasl.server.callback.handler.class`]: `${modules}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
    [`${sasl}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url`]: of.jwks,
    [`${sasl}.oauthbearer.sasl.oauthbearer.expected.audience`]: AUDIENCE,
    [`${sasl}.oauthbearer.connections.max.reauth.ms`]: String(SESSION_MS_MAX),
  };
}

function connectionTo(broker: string, environment: Readonly<Record<string, string>>): KafkaConnection {
  const secure = { KAFKA_BROKERS: broker, KAFKA_TLS: "true", KAFKA_CA_FILE: files.ca };
  return kafkaConnection(readConfig(schema, { ...secure, ...environment }));
}

/** Kafka protocol constants for literal resource names. */
const RIGHT = { resourcePatternType: 3, permissionType: 3, host: "*" };
const TOPIC = 2;
const GROUP = 3;
const READ = 3;
const WRITE = 4;
const DESCRIBE = 8;

async function giveRights(user: string, rights: readonly (readonly [number, string, number])[]): Promise<void> {
  const openClient = clientOpener({ brokers: stack.kafkaBrokers, clientId: "test", log: () => {} });
  const client = openClient({ requestMsMax: 10_000, retry: {} });
  const admin = client.kafka.admin();
  await admin.connect();
  const principal = `User:${user}`;
  const acl = rights.map(([resourceType, resourceName, operation]) => {
    return { ...RIGHT, principal, resourceType, resourceName, operation };
  });
  await admin.createAcls({ acl });
  await admin.disconnect();
  client.destroy();
}

/** @returns how many authorization failures the broker logged for this user */
async function refusalsOf(user: string): Promise<number> {
  const log = await readFile(join(directory, "stack", "logs", "kafka.log"), "utf8");
  return log.split("\n").filter((line) => line.includes(`User:${user} is Denied`)).length;
}

async function clusterId(broker: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const kafka = connectKafka({ ...connectionTo(broker, environment), clientId: "test" });
  const admin = resources.keep(await kafka.admin());
  return admin.clusterId();
}

test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
  "sends a password with %s over TLS",
  async (mechanism) => {
    const environment = { KAFKA_SASL: mechanism, KAFKA_USERNAME: "features", KAFKA_PASSWORD: PASSWORDS[mechanism] };
    expect(await clusterId(secureBroker, environment)).toMatch(/^\S{22}$/);
    const wrong = clusterId(secureBroker, { ...environment, KAFKA_PASSWORD: "wrong" });
    await expect(wrong).rejects.toMatchObject({
      code: "kafka-unavailable",
      message: expect.stringMatching(/^Kafka rejects this service: .*Check KAFKA_SASL/),
    });
  },
);

test("sends a client certificate if the broker requires one", async () => {
  const certificate = { KAFKA_CERT_FILE: files.clientCertificate, KAFKA_KEY_FILE: files.clientKey };
  expect(await clusterId(certifiedBroker, certificate)).toMatch(/^\S{22}$/);
  await expect(clusterId(certifiedBroker, {})).rejects.toMatchObject({ code: "kafka-unavailable" });
});

test("rejects a broker with an untrusted certificate", async () => {
  const environment = { KAFKA_SASL: "plain", KAFKA_USERNAME: "features", KAFKA_PASSWORD: PASSWORDS.plain };
  const stranger = { ...environment, KAFKA_CA_FILE: files.clientCertificate };
  await expect(clusterId(secureBroker, stranger)).rejects.toThrow("Does KAFKA_CA_FILE contain the authority");
});

test("a service works with permissions for only its own topics and group", async () => {
  await giveRights("limited", [
    [TOPIC, "transactions", WRITE],
    [TOPIC, "transactions", DESCRIBE],
    [TOPIC, "transactions", READ],
    [GROUP, "limited", READ],
    [GROUP, "limited", DESCRIBE],
  ]);
  const environment = { KAFKA_SASL: "plain", KAFKA_USERNAME: "limited", KAFKA_PASSWORD: PASSWORDS.plain };
  const kafka = connectKafka({ ...connectionTo(secureBroker, environment), clientId: "test" });
  const admin = resources.keep(await kafka.admin());
  await admin.requireTopics(["transactions"]);
  expect(await admin.clusterId()).toMatch(/^\S{22}$/);
  // A user with its own topics requests no others: each would be logged as an authorization failure.
  expect(await refusalsOf("limited")).toBe(0);
  await expect(admin.ensureTopics()).rejects.toMatchObject({ code: "kafka-unavailable" });
  await expect(admin.requireTopics(["features"])).rejects.toMatchObject({ code: "kafka-unavailable" });
  expect(await refusalsOf("limited")).toBeGreaterThan(0);
  const producer = resources.keep(await kafka.producer());
  await producer.send([{ topic: "transactions", key: "k", value: Buffer.from("v"), headers: {} }]);
  const collector = new BatchCollector();
  const options = { group: "limited", topics: ["transactions"], handle: collector.handle, onStop };
  const consumer = resources.keep(await kafka.consume(options));
  await collector.untilRecords(1);
  await consumer.close();
  expect([...(await admin.committedOffsets("limited", "transactions")).values()]).toEqual([1]);
});

test("does not connect without a token, and the error says why", async () => {
  identity.failWith(503);
  try {
    const refused = clusterId(secureBroker, { KAFKA_SASL: "azure-entra", ...identity.environment });
    await expect(refused).rejects.toMatchObject({
      code: "identity-unavailable",
      message: "Entra issued no token (HTTP 503): out of order",
    });
  } finally {
    identity.failWith(undefined);
  }
});

test(
  "connections with tokens reauthenticate, and outlive the broker's session and the token",
  async () => {
    const complaints: string[] = [];
    const kafka = connectKafka({
      ...connectionTo(secureBroker, { KAFKA_SASL: "azure-entra", ...identity.environment }),
      clientId: "test",
      log: (level, message) => {
        if (level === "warn" || level === "error") complaints.push(message);
      },
    });
    const producer = resources.keep(await kafka.producer());
    const collector = new BatchCollector();
    const options = { group: "tokens", topics: ["labels"], handle: collector.handle, onStop };
    const consumer = resources.keep(await kafka.consume(options));
    await consumer.ready;
    complaints.length = 0;
    const mintedBefore = tokensMinted;
    const endMs = Date.now() + SESSION_MS_MAX + 2_000;
    let sent = 0;
    while (Date.now() < endMs) {
      await producer.send([{ topic: "labels", key: "k", value: Buffer.from(`${sent}`), headers: {} }]);
      sent += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await collector.untilRecords(sent);
    expect(collector.records.map(({ value }) => value.toString())).toEqual([...Array(sent).keys()].map(String));
    expect(complaints).toEqual([]);
    expect(tokensMinted).toBeGreaterThan(mintedBefore);
    expect(consumer.isHealthy()).toBe(true);
  },
  START_MS_MAX,
);
