import { TriplineError } from "@tripline/contracts/error-table";
import kafkajs from "kafkajs";
import { asKafkaError, isPassing, isRecordFault, protocolErrorName } from "./kafka-fault.js";

const { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } = kafkajs;

const protocolError = (type: string) => {
  const error = Object.assign(new Error(`Kafka says ${type}`), { type, code: 1, retriable: false });
  return new KafkaJSProtocolError(error);
};

const afterRetries = (cause: Error) => new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 5, retryTime: 100 });

test.each([
  [protocolError("MESSAGE_TOO_LARGE"), "body-too-large", true, false],
  [afterRetries(protocolError("RECORD_LIST_TOO_LARGE")), "body-too-large", true, false],
  [protocolError("TOPIC_AUTHORIZATION_FAILED"), "kafka-unavailable", true, false],
  [afterRetries(protocolError("LEADER_NOT_AVAILABLE")), "kafka-unavailable", false, true],
  [protocolError("OUT_OF_ORDER_SEQUENCE_NUMBER"), "kafka-unavailable", false, false],
  [new KafkaJSConnectionError("refused", { broker: "b:1", code: "ECONNREFUSED" }), "kafka-unavailable", false, false],
  ["not even an error", "kafka-unavailable", false, false],
])("%s becomes %s", (thrown, code, recordFault, passing) => {
  const error = asKafkaError(thrown);
  expect(error.code).toBe(code);
  expect(error.cause).toBe(thrown);
  expect(isRecordFault(thrown)).toBe(recordFault);
  expect(isPassing(thrown)).toBe(passing);
  // It is still recognised when wrapped.
  expect(isRecordFault(error)).toBe(recordFault);
});

test("keeps a TriplineError, even as the cause of a kafkajs error", () => {
  const error = new TriplineError("identity-unavailable", "no token");
  expect(asKafkaError(error)).toBe(error);
  expect(asKafkaError(afterRetries(error))).toBe(error);
});

test("distinguishes a rejected identity from a broker that does not answer", () => {
  // In kafkajs's types, the constructor of its own class takes no message.
  const name = "KafkaJSSASLAuthenticationError";
  const refused = Object.assign(new Error("SASL PLAIN authentication failed: wrong"), { name });
  expect(asKafkaError(refused).message).toBe(
    "Kafka rejects this service: SASL PLAIN authentication failed: wrong. " +
      "Check KAFKA_SASL, user and password, or the identity's rights.",
  );
  const distrusted = new KafkaJSConnectionError("self-signed certificate", { broker: "b:1" });
  expect(asKafkaError(distrusted).message).toBe(
    "Kafka is not responding: self-signed certificate. Is KAFKA_CA_FILE the authority of the brokers' certificates?",
  );
  expect(asKafkaError(new Error("gone")).message).toBe("Kafka is not responding: gone");
});

test("does not follow a circular chain of causes forever", () => {
  const error = new Error("round");
  error.cause = error;
  expect(protocolErrorName(error)).toBeUndefined();
});
