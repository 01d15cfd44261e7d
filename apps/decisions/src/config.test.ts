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
  ["an endpoint instead of an address", { SCORING_ADDRESS: undefined, SCORING_ENDPOINT_URL: "https://a/score" }],
  ["an endpoint on Google Cloud", { SCORING_ENDPOINT_URL: "https://a/x:rawPredict", SCORING_ENDPOINT_AUTH: "gcp-iam" }],
  ["a replay that waits at any cost", { SCORING_WAIT_MS_MAX: "600000" }],
])("accepts %s", (_name, environment) => {
  expect(() => readConfig(decisionsConfig, { ...REQUIRED, ...environment })).not.toThrow();
});

test.each([
  [{ SCORING_WAIT_MS_MAX: "49" }, "SCORING_WAIT_MS_MAX: must be 0 or at least 50 ms"],
  [{ CONTRIBUTIONS_WAIT_MS_MAX: "1" }, "CONTRIBUTIONS_WAIT_MS_MAX: must be 0 or at least 2 ms"],
  [{ SCORING_CERT_FILE: "c.pem", SCORING_TLS: "true" }, "SCORING_KEY_FILE is not set"],
  [{ SCORING_CA_FILE: "ca.pem" }, "SCORING_TLS"],
  [{ SCORING_ADDRESS: undefined }, "SCORING_ADDRESS is not set"],
  [{ SCORING_ENDPOINT_URL: "sagemaker:fraud" }, "SCORING_ENDPOINT_URL: must start with http:// or https://"],
  [{ SCORING_ENDPOINT_AUTH: "key" }, "SCORING_ENDPOINT_AUTH: requires SCORING_ENDPOINT_URL"],
  [{ SCORING_ENDPOINT_URL: "https://a/score", SCORING_ENDPOINT_AUTH: "key" }, "SCORING_ENDPOINT_KEY is not set"],
  [{ SCORING_ENDPOINT_URL: "https://a/score", SCORING_ENDPOINT_KEY: "k" }, "SCORING_ENDPOINT_KEY: applies only to"],
  [
    { SCORING_ENDPOINT_URL: "http://a/score", SCORING_ENDPOINT_AUTH: "key", SCORING_ENDPOINT_KEY: "k" },
    "SCORING_ENDPOINT_URL: must start with https://",
  ],
  [
    { SCORING_ENDPOINT_URL: "https://a/score", SCORING_ENDPOINT_AUTH: "aws-iam" },
    "SCORING_ENDPOINT_AUTH: requires an identity: AWS_ROLE_ARN",
  ],
  [
    {
      SCORING_ENDPOINT_URL: "https://a/invocations",
      SCORING_ENDPOINT_AUTH: "aws-iam",
      AWS_ACCESS_KEY_ID: "a",
      AWS_SECRET_ACCESS_KEY: "b",
    },
    "SCORING_ENDPOINT_AUTH: requires AWS_REGION",
  ],
])("rejects %j and says how to fix it", (environment, sentence) => {
  expect(() => readConfig(decisionsConfig, { ...REQUIRED, ...environment })).toThrow(sentence);
});
