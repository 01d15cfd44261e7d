import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import { CONNECTION_VARIABLES } from "@tripline/service-kit/config/connection-config";
import { kafkaConfig, readConfig } from "@tripline/service-kit/config/read-config";
import { kafkaConnection } from "@tripline/service-kit/kafka/kafka-connection";
import { z } from "zod";
import { TokenSource } from "./token-source.js";

/** Variables of a command for an installation that runs elsewhere; the services have the same. */
const kafkaEnvironment = z.object(kafkaConfig);

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

/** @throws TriplineError `config-invalid` that names every wrong variable at once */
export function kafkaFrom(environment: Environment): SystemKafka {
  const config = readConfig(kafkaEnvironment, environment);
  const connection = kafkaConnection(config);
  return { kafka: connectKafka({ ...connection, clientId: "tripline-cli" }), brokers: connection.brokers.join(",") };
}

/**
 * Kafka at an address of the command line. How to sign in there is told by the environment, as the services are told it.
 *
 * @throws TriplineError `config-invalid` that names every wrong variable at once
 */
export function kafkaAt(brokers: readonly string[], topicPrefix: string, environment: Environment): Kafka {
  return kafkaFrom({ ...environment, KAFKA_BROKERS: brokers.join(","), KAFKA_TOPIC_PREFIX: topicPrefix }).kafka;
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
export function tokensFrom(environment: Environment, tokenUrl: string): TokenSource {
  const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret } = readConfig(clientEnvironment, environment);
  return new TokenSource({ tokenUrl, clientId, clientSecret });
}
