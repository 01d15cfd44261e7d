import { TriplineError } from "@tripline/contracts/error-table";

/** kafkajs nests its errors at most three deep: retries exceeded, protocol error, connection error. */
const CAUSES_MAX = 5;

/** Errors that lie with a record or its topic, not with the state of Kafka: another record may well be accepted. */
const RECORD_FAULTS: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_TIMESTAMP",
  "INVALID_RECORD",
  "INVALID_TOPIC_EXCEPTION",
  "TOPIC_AUTHORIZATION_FAILED",
]);

const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Name of the Kafka protocol error behind what kafkajs threw, if there is one (https://kafka.apache.org/protocol). */
export function protocolErrorName(thrown: unknown): string | undefined {
  let current = thrown;
  for (let depth = 0; depth < CAUSES_MAX && current instanceof Error; depth += 1) {
    if ("type" in current && typeof current.type === "string") return current.type;
    current = current.cause;
  }
  return undefined;
}

export function isRecordFault(thrown: unknown): boolean {
  const name = protocolErrorName(thrown);
  return name !== undefined && RECORD_FAULTS.has(name);
}

/** Answers of a broker that has not heard yet of a new topic or of who leads it. */
const PASSING: ReadonlySet<string> = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "NOT_CONTROLLER",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_LOAD_IN_PROGRESS",
]);

/** Whether the broker answered that the same request may succeed in a moment. */
export function isPassing(thrown: unknown): boolean {
  const name = protocolErrorName(thrown);
  return name !== undefined && PASSING.has(name);
}

/** What kafkajs threw, in Tripline's words. */
export function asKafkaError(thrown: unknown): TriplineError {
  if (thrown instanceof TriplineError) return thrown;
  const name = protocolErrorName(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (name !== undefined && TOO_LARGE.has(name)) {
    return new TriplineError("body-too-large", `Kafka refused the record: ${message}`, [], { cause: thrown });
  }
  return new TriplineError("kafka-unavailable", `Kafka does not answer: ${message}`, [], { cause: thrown });
}
