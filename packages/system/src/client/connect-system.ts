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

/** Variables of a command for an installation that runs elsewhere; the services have the same. */
const kafkaEnvironment = z.object(kafkaConfig);

const redisEnvironment = z.object(redisConfig);
const databaseEnvironment = z.object(postgresConfig);

const clientEnvironment = z.object({
  /** A client that is registered with auth. */
  CLIENT_ID: z.string().min(1),
  CLIENT_SECRET: z.string().min(1),
});

type Environment = Readonly<Record<string, string | undefined>>;

export interface SystemKafka {
  readonly kafka: Kafka;
  /** For a sentence that says which address did not answer. */
  readonly brokers: string;
}

/**
 * As the environment says, and where it says nothing about TLS, as the operator of the system that runs here with these brokers.
 *
 * @throws TriplineError `config-invalid` that names every wrong variable at once
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
 * Kafka where this user shows it a certificate, since names in certificates are what rights are for; Redis and the database where there
 * are addresses of them.
 *
 * @throws TriplineError `config-invalid` that names every wrong variable at once
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
 * Kafka at an address of the command line. How to sign in there is told by the environment, as the services are told it.
 *
 * @throws TriplineError `config-invalid` that names every wrong variable at once
 */
export function kafkaAt(brokers: readonly string[], topicPrefix: string, environment: Environment): Kafka {
  return kafkaFrom({ ...environment, KAFKA_BROKERS: brokers.join(","), KAFKA_TOPIC_PREFIX: topicPrefix }).kafka;
}

/**
 * What commands that are given the address of a Redis are told of it otherwise.
 *
 * @throws TriplineError `config-invalid` that names every wrong variable at once
 */
export function redisFrom(environment: Environment): RedisConfig {
  return readConfig(redisEnvironment, environment);
}

/** What another program of ours needs to sign in as this one would. */
export function signInVariables(environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(CONNECTION_VARIABLES.map((name) => [name, environment[name]]));
}

/**
 * Tokens with all scopes that the client is registered for.
 *
 * @throws TriplineError `config-invalid` that names every wrong variable at once
 */
export function tokensFrom(environment: Environment, tokenUrl: string): AccessTokens {
  const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret } = readConfig(clientEnvironment, environment);
  return new AccessTokens({ tokenUrl, clientId, clientSecret });
}
