import { readConfig } from "@tripline/settings/read-config";
import { decisionsConfig } from "./config.js";

const REQUIRED = {
  PORT: "0",
  KAFKA_BROKERS: "127.0.0.1:9092",
  REDIS_URL: "redis://127.0.0.1:6379",
  SCORING_ADDRESS: "127.0.0.1:9000",
};

test.each([
  ["the defaults", {}],
  ["no call to scoring at all", { SCORING_WAIT_MS_MAX: "0", CONTRIBUTIONS_WAIT_MS_MAX: "0" }],
  ["the shortest waits", { SCORING_WAIT_MS_MAX: "50", CONTRIBUTIONS_WAIT_MS_MAX: "2" }],
  ["a replay that waits at any cost", { SCORING_WAIT_MS_MAX: "600000" }],
])("takes %s", (_name, environment) => {
  expect(() => readConfig(decisionsConfig, { ...REQUIRED, ...environment })).not.toThrow();
});

test.each([
  [{ SCORING_WAIT_MS_MAX: "49" }, "SCORING_WAIT_MS_MAX: must be 0 or at least 50 ms"],
  [{ CONTRIBUTIONS_WAIT_MS_MAX: "1" }, "CONTRIBUTIONS_WAIT_MS_MAX: must be 0 or at least 2 ms"],
  [{ SCORING_CERT_FILE: "c.pem", SCORING_TLS: "true" }, "SCORING_KEY_FILE is not set"],
  [{ SCORING_CA_FILE: "ca.pem" }, "SCORING_TLS"],
])("rejects %j and says what to do", (environment, sentence) => {
  expect(() => readConfig(decisionsConfig, { ...REQUIRED, ...environment })).toThrow(sentence);
});
