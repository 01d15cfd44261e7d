import { createSecureContext } from "node:tls";
import type { KafkaIdentity } from "@tripline/cloud-identity/open-tokens";
import { kafkaTokens } from "@tripline/cloud-identity/open-tokens";
import type { KafkaConfig } from "./connection-config.js";
import { readPem } from "./read-certificates.js";

/** Username and password, in the format of `packages/kafka`. */
interface PasswordSignIn<Mechanism> {
  readonly mechanism: Mechanism;
  readonly username: string;
  readonly password: string;
}

interface TokenSignIn {
  readonly mechanism: "oauthbearer";
  token(): Promise<string>;
}

type SignIn = PasswordSignIn<"plain"> | PasswordSignIn<"scram-sha-256"> | PasswordSignIn<"scram-sha-512"> | TokenSignIn;

interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The cluster settings that `connectKafka` of `packages/kafka` needs. */
export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly security: {
    /** Certificates for a new connection. */
    readonly tls?: () => TlsFiles;
    readonly sasl?: SignIn;
  };
}

/**
 * The Kafka address and this service's authentication.
 *
 * @throws TriplineError `config-invalid` if a certificate cannot be read
 */
export function kafkaConnection(config: KafkaConfig): KafkaConnection {
  const sasl = signIn(config);
  const tls = config.KAFKA_TLS ? { tls: freshFiles(config) } : {};
  return {
    brokers: config.KAFKA_BROKERS,
    topicPrefix: config.KAFKA_TOPIC_PREFIX,
    security: { ...tls, ...(sasl === undefined ? {} : { sasl }) },
  };
}

/** The current files, or their previous content while they are being replaced. */
function freshFiles(config: KafkaConfig): () => TlsFiles {
  let last = readFiles(config);
  return () => {
    try {
      const now = readFiles(config);
      createSecureContext({ ...now });
      last = now;
    } catch {
      // Key and certificate do not match, or a file is missing; the next connection tries again.
    }
    return last;
  };
}

function readFiles({ KAFKA_CA_FILE: ca, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key }: KafkaConfig): TlsFiles {
  return {
    ...(ca === undefined ? {} : { ca: readPem("KAFKA_CA_FILE", ca, "CERTIFICATE") }),
    ...(cert === undefined ? {} : { cert: readPem("KAFKA_CERT_FILE", cert, "CERTIFICATE") }),
    ...(key === undefined ? {} : { key: readPem("KAFKA_KEY_FILE", key, "PRIVATE KEY") }),
  };
}

function signIn(config: KafkaConfig): SignIn | undefined {
  const { KAFKA_SASL: kind, KAFKA_USERNAME: username = "", KAFKA_PASSWORD: password = "" } = config;
  switch (kind) {
    case "none":
      return undefined;
    case "plain":
    case "scram-sha-256":
    case "scram-sha-512":
      return { mechanism: kind, username, password };
    default:
      return { mechanism: "oauthbearer", token: tokenOf(kind, config) };
  }
}

function tokenOf(identity: KafkaIdentity, config: KafkaConfig): () => Promise<string> {
  const host = config.KAFKA_BROKERS[0]?.split(":")[0] ?? "";
  const tokens = kafkaTokens(identity, config, host);
  return async () => (await tokens()).value.text;
}
