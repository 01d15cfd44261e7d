import { TriplineError } from "@tripline/contracts/error-table";

/** A response about all topics may contain an error for each of them. */
const CAUSES_MAX = 100;

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

/** Name of the Kafka protocol error behind an error, if there is one (https://kafka.apache.org/protocol). */
export function protocolErrorName(thrown: unknown): string | undefined {
  return protocolErrorNames(thrown)[0];
}

/** Names of all Kafka protocol errors behind an error. */
export function protocolErrorNames(thrown: unknown): string[] {
  return causesOf(thrown).flatMap((error) =>
    "apiId" in error && typeof error.apiId === "string" ? [error.apiId] : [],
  );
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

/** Errors of a broker that does not know a new topic or leader yet, or that waits for other brokers. */
const PASSING: ReadonlySet<string> = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_CONTROLLER",
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
  "BROKER_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "REQUEST_TIMED_OUT",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "REBALANCE_IN_PROGRESS",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
]);

/** In metadata responses, `@platformatic/kafka` replaces UNKNOWN_TOPIC_OR_PARTITION with its own error. */
const UNKNOWN_TOPIC = /^Unknown topic /;

/** Whether the broker reported that the same request may soon succeed. */
export function isPassing(thrown: unknown): boolean {
  if (causesOf(thrown).some(({ message }) => UNKNOWN_TOPIC.test(message))) return true;
  const name = protocolErrorName(thrown);
  return name !== undefined && PASSING.has(name);
}

/**
 * Whether a connection failed or a request timed out. False if the broker rejected this client or the client is closed.
 */
export function isUnreachable(thrown: unknown): boolean {
  const causes = causesOf(thrown);
  const hasCode = (code: string) => causes.some((error) => "code" in error && error.code === code);
  const isClosed = causes.some((error) => "closed" in error && error.closed === true);
  // The library's timeout error has this code too.
  return hasCode("PLT_KFK_NETWORK") && !hasCode("PLT_KFK_AUTHENTICATION") && !isClosed;
}

/** Converts an error of the client library to a TriplineError. */
export function asKafkaError(thrown: unknown): TriplineError {
  if (thrown instanceof TriplineError) return thrown;
  const causes = causesOf(thrown);
  // If no token is available, the library wraps our error in its own.
  const own = causes.find((error) => error instanceof TriplineError);
  if (own !== undefined) return own;
  const name = protocolErrorName(thrown);
  // The outermost error often says only that the library has stopped retrying.
  const [first, ...others] = causes.map((error) => error.message);
  const message = [first?.replace(/\.$/, "") ?? String(thrown), ...others.slice(-1)].join(": ");
  if (name !== undefined && TOO_LARGE.has(name)) {
    return new TriplineError("body-too-large", `Kafka rejected the record: ${message}`, [], { cause: thrown });
  }
  if (causes.some((error) => "code" in error && error.code === "PLT_KFK_AUTHENTICATION")) {
    const detail = `Kafka rejects this service: ${message}. Check KAFKA_SASL, the user name and password, or the permissions of the identity.`;
    return new TriplineError("kafka-unavailable", detail, [], { cause: thrown });
  }
  const hint = causes.some((error) => CERTIFICATE_REFUSED.test(error.message))
    ? ". Does KAFKA_CA_FILE contain the authority that issued the brokers' certificates?"
    : "";
  return new TriplineError("kafka-unavailable", `Kafka is not responding: ${message}${hint}`, [], { cause: thrown });
}

/** OpenSSL and Node error codes for an untrusted certificate. */
const CERTIFICATE_REFUSED = /certificate|altnames/i;
