import { TriplineError } from "@tripline/contracts/error-table";

/** kafkajs nests its errors at most three levels deep: retries exceeded, protocol error, connection error. */
const CAUSES_MAX = 20;

/** Errors caused by a record or its topic rather than by the state of Kafka, so that another record may be accepted. */
const RECORD_FAULTS: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_TIMESTAMP",
  "INVALID_RECORD",
  "INVALID_TOPIC_EXCEPTION",
  "TOPIC_AUTHORIZATION_FAILED",
]);

const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Name of the Kafka protocol error behind a kafkajs error, if there is one (https://kafka.apache.org/protocol). */
export function protocolErrorName(thrown: unknown): string | undefined {
  for (const error of causesOf(thrown)) {
    if ("type" in error && typeof error.type === "string") return error.type;
    if ("apiId" in error && typeof error.apiId === "string") return error.apiId;
  }
  return undefined;
}

/** The error itself and its causes. */
function causesOf(thrown: unknown): Error[] {
  const errors: Error[] = [];
  const waiting = [thrown];
  while (errors.length < CAUSES_MAX && waiting.length > 0) {
    const current = waiting.shift();
    if (!(current instanceof Error)) continue;
    errors.push(current);
    if (current instanceof AggregateError) waiting.push(...current.errors);
    waiting.push(current.cause);
  }
  return errors;
}

export function isRecordFault(thrown: unknown): boolean {
  const name = protocolErrorName(thrown);
  return name !== undefined && RECORD_FAULTS.has(name);
}

/** Errors of a broker that does not know a new topic or its leader yet. */
const PASSING: ReadonlySet<string> = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "NOT_CONTROLLER",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_LOAD_IN_PROGRESS",
  "NOT_LEADER_OR_FOLLOWER",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "REBALANCE_IN_PROGRESS",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
]);

/** Whether the broker reported that the same request may soon succeed. */
export function isPassing(thrown: unknown): boolean {
  const name = protocolErrorName(thrown);
  return name !== undefined && PASSING.has(name);
}

/** Converts a kafkajs error to a TriplineError. */
export function asKafkaError(thrown: unknown): TriplineError {
  if (thrown instanceof TriplineError) return thrown;
  // If no token is available, kafkajs rethrows that error, either unchanged or as the cause of its own error.
  const own = causesOf(thrown).find((error) => error instanceof TriplineError);
  if (own !== undefined) return own;
  const name = protocolErrorName(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (name !== undefined && TOO_LARGE.has(name)) {
    return new TriplineError("body-too-large", `Kafka rejected the record: ${message}`, [], { cause: thrown });
  }
  if (causesOf(thrown).some(({ name: kind }) => kind === "KafkaJSSASLAuthenticationError")) {
    const detail = `Kafka rejects this service: ${message}. Check KAFKA_SASL, user and password, or the identity's rights.`;
    return new TriplineError("kafka-unavailable", detail, [], { cause: thrown });
  }
  const hint = CERTIFICATE_REFUSED.test(message)
    ? ". Is KAFKA_CA_FILE the authority of the brokers' certificates?"
    : "";
  return new TriplineError("kafka-unavailable", `Kafka is not responding: ${message}${hint}`, [], { cause: thrown });
}

/** OpenSSL and Node error codes for an untrusted certificate. */
const CERTIFICATE_REFUSED = /certificate|altnames/i;
