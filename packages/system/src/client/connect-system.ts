import { AccessTokens } from "@tripline/client/access-tokens";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { CONNECTION_VARIABLES } from "@tripline/settings/connection-config";
import { kafkaConnection } from "@tripline/settings/kafka-connection";
import { kafkaConfig, postgresConfig, readConfig, redisConfig } from "@tripline/settings/read-config";
import { reachDatabase } from "@tripline/stores/postgres/reach-database";
import { z } from "zod";
import type { AccessTargets } from "../access/apply-access.js";
import type { LocalSystem } from "../services/local-system.js";
import { findLocalSystem, operatorVariables } from "../services/local-system.js";

/** A command's variables for a remote installation. Services have the same variables. */
const kafkaEnvironment = z.object(kafkaConfig);

const redisEnvironment = z.object(redisConfig);
const databaseEnvironment = z.object(postgresConfig);

const clientEnvironment = z.object({
  /** A client that is registered with the auth service. */
  CLIENT_ID: z.string().min(1),
  CLIENT_SECRET: z.string().min(1),
});

type Environment = Readonly<Record<string, string | undefined>>;

export interface SystemKafka {
  readonly kafka: Kafka;
  /** The address, for error messages when nothing answers there. */
  readonly brokers: string;
}

/**
 * Kafka according to the environment. If the environment has no TLS settings, connects as the operator of the local
 * system with these brokers.
 *
 * @throws TriplineError `config-invalid` that lists all invalid variables
 */
export function kafkaFrom(environment: Environment): SystemKafka {
  const brokers = environment.KAFKA_BROKERS?.split(",") ?? [];
  const hasBroker = ({ kafkaBrokers }: LocalSystem) => kafkaBrokers.some((broker) => brokers.includes(broker));
  const local = environment.KAFKA_TLS === undefined ? findLocalSystem(hasBroker) : undefined;
  const signIn = local === undefined ? {} : operatorVariables(local);
  const config = readConfig(kafkaEnvironment, { ...signIn, ...environment });
  const connection = kafkaConnection(config);
  return { kafka: connectKafka({ ...connection, clientId: "tripline-cli" }), brokers: connection.brokers.join(",") };
}

/**
 * Includes Kafka if this user has a certificate for it, because Kafka's access rules use the names in certificates.
 * Includes Redis and the database if their addresses are set.
 *
 * @throws TriplineError `config-invalid` that lists all invalid variables
 */
export function accessTargetsFrom(environment: Environment): AccessTargets {
  const has = (name: string): boolean => Boolean(environment[name] ?? environment[`${name}_FILE`]);
  return {
    ...(has("KAFKA_CERT_FILE") ? { kafka: kafkaFrom(environment).kafka } : {}),
    ...(has("REDIS_URL") ? { redis: redisFrom(environment) } : {}),
    ...(has("POSTGRES_URL") ? { database: reachDatabase(readConfig(databaseEnvironment, environment)) } : {}),
  };
}

/**
 * Kafka at an address from the command line. The authentication settings come from the environment, as for the
 * services.
 *
 * @throws TriplineError `config-invalid` that lists all invalid variables
 */
export function kafkaAt(brokers: readonly string[], topicPrefix: string, environment: Environment): Kafka {
  return kafkaFrom({ ...environment, KAFKA_BROKERS: brokers.join(","), KAFKA_TOPIC_PREFIX: topicPrefix }).kafka;
}

/**
 * The other Redis settings of commands with a Redis address.
 *
 * @throws TriplineError `config-invalid` that lists all invalid variables
 */
export function redisFrom(environment: Environment): RedisConfig {
  return readConfig(redisEnvironment, environment);
}

/** The variables with which another of our programs authenticates in the same way as this one. */
export function signInVariables(environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(CONNECTION_VARIABLES.map((name) => [name, environment[name]]));
}

/**
 * Tokens with all scopes of the client's registration.
 *
 * @throws TriplineError `config-invalid` that lists all invalid variables
 */
export function tokensFrom(environment: Environment, tokenUrl: string): AccessTokens {
  const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret } = readConfig(clientEnvironment, environment);
  return new AccessTokens({ tokenUrl, clientId, clientSecret });
}
