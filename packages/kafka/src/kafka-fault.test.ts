import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError } from "@platformatic/kafka";
import { TriplineError } from "@tripline/contracts/error-table";
import { asKafkaError, isPassing, isRecordFault, protocolErrorName } from "./kafka-fault.js";

const afterRetries = (cause: Error) => new MultipleErrors("metadata failed 6 times.", [cause]);

test.each([
  [new ProtocolError("MESSAGE_TOO_LARGE"), "body-too-large", true, false],
  [afterRetries(new ProtocolError("RECORD_LIST_TOO_LARGE")), "body-too-large", true, false],
  [new ProtocolError("TOPIC_AUTHORIZATION_FAILED"), "kafka-unavailable", true, false],
  [afterRetries(new ProtocolError("LEADER_NOT_AVAILABLE")), "kafka-unavailable", false, true],
  [new ProtocolError("OUT_OF_ORDER_SEQUENCE_NUMBER"), "kafka-unavailable", false, false],
  [new NetworkError("refused"), "kafka-unavailable", false, false],
  ["not even an error", "kafka-unavailable", false, false],
])("converts %s to %s", (thrown, code, recordFault, passing) => {
  const error = asKafkaError(thrown);
  expect(error.code).toBe(code);
  expect(error.cause).toBe(thrown);
  expect(isRecordFault(thrown)).toBe(recordFault);
  expect(isPassing(thrown)).toBe(passing);
  // It is still recognised when wrapped.
  expect(isRecordFault(error)).toBe(recordFault);
});

test("keeps a TriplineError, even as the cause of another error", () => {
  const error = new TriplineError("identity-unavailable", "no token");
  expect(asKafkaError(error)).toBe(error);
  expect(asKafkaError(afterRetries(error))).toBe(error);
});

test("distinguishes a rejected identity from an unresponsive broker", () => {
  const refused = new AuthenticationError("SASL authentication failed.", { cause: new Error("wrong") });
  expect(asKafkaError(refused).message).toBe(
    "Kafka rejects this service: SASL authentication failed: wrong. " +
      "Check KAFKA_SASL, the user name and password, or the permissions of the identity.",
  );
  const distrusted = afterRetries(new NetworkError("self-signed certificate"));
  expect(asKafkaError(distrusted).message).toBe(
    "Kafka is not responding: metadata failed 6 times: self-signed certificate. Does KAFKA_CA_FILE contain the authority that issued the brokers' certificates?",
  );
  expect(asKafkaError(new Error("gone")).message).toBe("Kafka is not responding: gone");
});

test("does not follow a circular chain of causes forever", () => {
  const error = new Error("round");
  error.cause = error;
  expect(protocolErrorName(error)).toBeUndefined();
});
