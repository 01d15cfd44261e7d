import { TriplineError } from "@tripline/contracts/error-table";
import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from "kafkajs";
import { asKafkaError, isPassing, isRecordFault, protocolErrorName } from "./kafka-fault.js";

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
  // It is still found once it is wrapped.
  expect(isRecordFault(error)).toBe(recordFault);
});

test("a TriplineError stays what it is", () => {
  const error = new TriplineError("queue-full", "full");
  expect(asKafkaError(error)).toBe(error);
});

test("a chain of causes without end is not followed without end", () => {
  const error = new Error("round");
  error.cause = error;
  expect(protocolErrorName(error)).toBeUndefined();
});
