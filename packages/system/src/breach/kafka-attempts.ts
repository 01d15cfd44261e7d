import { isDeadLetterTopic } from "@tripline/contracts/topics";
import type { Client } from "@tripline/kafka/open-client";
import { clientOpener } from "@tripline/kafka/open-client";
import type { AccessRules } from "../access/access-rules.js";
import { COLLECTOR_USER, OPERATOR_USER } from "../access/access-rules.js";
import type { LocalSecurity } from "../services/local-security.js";
import type { Attempt } from "./attempt.js";

const REQUEST_MS_MAX = 10_000;
/** Forbidden topics that a service tries to write to, and to read. */
const TOPICS_TRIED = 2;
const NOT_ALLOWED = /^(TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED$|^Not authorized to access group/;
/**
 * A broker's first group creates the internal topic of groups. Requests fail until the topic exists, which takes over
 * 5 s at a load average of 50. Authorization failures are not retried.
 */
const RETRY = { retries: 7, initialRetryTime: 300 };

/** Attempts by each service on Kafka, with its own certificate. */
export function kafkaAttempts(security: LocalSecurity, brokers: readonly string[]): readonly Attempt[] {
  const { topics } = security.rules;
  const services = [...new Set(Object.values(topics).flatMap(({ writers, readers }) => [...writers, ...readers]))];
  return [...services, OPERATOR_USER, COLLECTOR_USER].flatMap((who, index) => {
    const within = <T>(work: (kafka: Client["kafka"]) => Promise<T>) => withClient(security, brokers, who, work);
    const attempt = (what: string, run: Attempt["try"]): Attempt => {
      return { who, where: "Kafka", what, refusal: NOT_ALLOWED, try: run };
    };
    const other = services[(index + 1) % services.length] ?? who;
    const group = other;
    return [
      ...forbidden(security.rules, "writers", who, index).map((topic) =>
        attempt(`write to ${topic}`, () => within((kafka) => write(kafka, topic))),
      ),
      ...forbidden(security.rules, "readers", who, index).map((topic) =>
        attempt(`read ${topic}`, () => within((kafka) => read(kafka, topic, `${who}-breach`))),
      ),
      attempt(`take over the consumer group of ${group}`, () =>
        within((kafka) => read(kafka, allowed(security.rules, "readers", who)[0] ?? "decisions", group)),
      ),
      attempt("create a topic", () =>
        within((kafka) => kafka.admin().createTopics({ topics: [{ topic: "breach", numPartitions: 1 }] })),
      ),
      attempt("delete a topic", () => within((kafka) => kafka.admin().deleteTopics({ topics: ["decisions"] }))),
      attempt("grant itself permissions", () =>
        within((kafka) => kafka.admin().createAcls({ acl: [everything(who)] })),
      ),
    ];
  });
}

/** Rotated per service, so that the services together try most topics. */
function forbidden(rules: AccessRules, as: "writers" | "readers", who: string, turn: number): string[] {
  const names = Object.keys(rules.topics).filter((name) => !allowed(rules, as, who).includes(name));
  return Array.from({ length: TOPICS_TRIED }, (_, index) => names[(turn * TOPICS_TRIED + index) % names.length] ?? "");
}

/** The operator reads dead letters and the topics of its commands, and writes to topics to redrive them. */
function allowed({ topics, operator }: AccessRules, as: "writers" | "readers", who: string): readonly string[] {
  const names = Object.keys(topics);
  if (who !== OPERATOR_USER) return names.filter((name) => topics[name]?.[as].includes(who));
  return as === "writers"
    ? names.filter((name) => !isDeadLetterTopic(name))
    : names.filter((name) => isDeadLetterTopic(name) || operator.topics_read.includes(name));
}

async function withClient<T>(
  security: LocalSecurity,
  brokers: readonly string[],
  who: string,
  work: (kafka: Client["kafka"]) => Promise<T>,
): Promise<T> {
  // If a client has no access to a group, kafkajs reports a missing coordinator and only logs the reason.
  const logged: Error[] = [];
  const open = clientOpener({
    brokers,
    clientId: "breach",
    security: { tls: security.kafkaTls(who) },
    log: (_level, _message, { error }) => void logged.push(new Error(String(error))),
  });
  const client = open({ requestMsMax: REQUEST_MS_MAX, retry: RETRY });
  try {
    return await work(client.kafka);
  } catch (error) {
    throw new AggregateError([error, ...logged]);
  } finally {
    client.destroy();
  }
}

async function write(kafka: Client["kafka"], topic: string): Promise<unknown> {
  const producer = kafka.producer({ retry: RETRY });
  await producer.connect();
  return producer.send({ topic, messages: [{ key: "k", value: "breach" }] });
}

async function read(kafka: Client["kafka"], topic: string, groupId: string): Promise<unknown> {
  const consumer = kafka.consumer({ groupId, retry: { ...RETRY, restartOnFailure: async () => false } });
  const over = new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    // If the broker responds to a fetch, access was allowed.
    consumer.on(consumer.events.FETCH, resolve);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async () => undefined });
  return over;
}

/** All operations on all topics, as Kafka protocol constants. */
function everything(who: string) {
  return {
    principal: `User:${who}`,
    host: "*",
    operation: 2,
    permissionType: 3,
    resourceType: 2,
    resourceName: "*",
    resourcePatternType: 3,
  };
}
