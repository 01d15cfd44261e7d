import { z } from "zod";
import { kafkaConfig, postgresConfig, redisConfig } from "./connection-config.js";
import { readConfig } from "./read-config.js";

const SCHEMAS = {
  kafka: z.object(kafkaConfig),
  redis: z.object(redisConfig),
  postgres: z.object(postgresConfig),
};

const AZURE = { AZURE_CLIENT_ID: "c", AZURE_TENANT_ID: "t", AZURE_FEDERATED_TOKEN_FILE: "/f" };
const AWS = { AWS_REGION: "eu-central-1", AWS_ROLE_ARN: "arn:aws:iam::1:role/r", AWS_WEB_IDENTITY_TOKEN_FILE: "/f" };
const CACHE = "rediss://master.tripline-dev.ab12cd.euc1.cache.amazonaws.com:6379";
const GOOD = {
  kafka: { KAFKA_BROKERS: "b:9093" },
  redis: { REDIS_URL: "rediss://r:6379" },
  postgres: { POSTGRES_URL: "postgres://u@p/d" },
};

function read(name: keyof typeof SCHEMAS, changes: Readonly<Record<string, string>>) {
  return readConfig(SCHEMAS[name], { ...GOOD[name], ...changes });
}

describe("accepts", () => {
  test.each([
    ["kafka", {}],
    ["kafka", { KAFKA_TLS: "", KAFKA_CA_FILE: "", KAFKA_USERNAME: "", KAFKA_PASSWORD: "", AWS_ROLE_ARN: "" }],
    ["kafka", { KAFKA_TLS: "false", KAFKA_SASL: "scram-sha-512", KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p" }],
    ["kafka", { KAFKA_TLS: "true", KAFKA_SASL: "plain", KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p" }],
    ["kafka", { KAFKA_TLS: "true", KAFKA_CA_FILE: "/ca", KAFKA_CERT_FILE: "/c", KAFKA_KEY_FILE: "/k" }],
    ["kafka", { KAFKA_TLS: "true", KAFKA_SASL: "gcp-oauth" }],
    ["kafka", { KAFKA_TLS: "true", KAFKA_SASL: "azure-entra", ...AZURE }],
    ["kafka", { KAFKA_TLS: "true", KAFKA_SASL: "aws-msk-iam", ...AWS }],
    ["redis", { REDIS_URL: "redis://u:p@r:1" }],
    ["redis", { REDIS_AUTH: "gcp-iam", REDIS_CA_FILE: "/ca" }],
    ["redis", { REDIS_AUTH: "azure-entra", ...AZURE }],
    ["redis", { REDIS_AUTH: "aws-iam", REDIS_URL: CACHE, ...AWS }],
    ["postgres", { POSTGRES_URL: "postgres://u:p@p/d?sslmode=require" }],
    ["postgres", { POSTGRES_URL: "postgres://u:p@p/d?sslmode=verify-ca", POSTGRES_CA_FILE: "/ca" }],
    ["postgres", { POSTGRES_AUTH: "azure-entra", ...AZURE }],
    [
      "postgres",
      {
        POSTGRES_AUTH: "aws-iam",
        ...AWS,
        AWS_REGION: "",
        POSTGRES_URL: "postgres://u@x.y.eu-west-1.rds.amazonaws.com:5432/d",
      },
    ],
  ] as const)("the settings of %s with %p", (name, changes) => {
    expect(() => read(name, changes)).not.toThrow();
  });
});

describe("rejects", () => {
  test.each([
    ["kafka", { KAFKA_TLS: "yes" }, "KAFKA_TLS: must be true or false"],
    ["kafka", { KAFKA_SASL: "oauth" }, "KAFKA_SASL: "],
    ["kafka", { KAFKA_SASL: "scram-sha-256", KAFKA_USERNAME: "u" }, "requires KAFKA_USERNAME and KAFKA_PASSWORD"],
    [
      "kafka",
      { KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p" },
      "apply only to KAFKA_SASL=plain, scram-sha-256 or scram-sha-512, not none",
    ],
    [
      "kafka",
      { KAFKA_SASL: "plain", KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p" },
      "KAFKA_SASL=plain requires KAFKA_TLS=true",
    ],
    ["kafka", { KAFKA_SASL: "gcp-oauth" }, "KAFKA_SASL=gcp-oauth requires KAFKA_TLS=true"],
    ["kafka", { KAFKA_CA_FILE: "/ca" }, "KAFKA_CA_FILE requires KAFKA_TLS=true"],
    ["kafka", { KAFKA_TLS: "true", KAFKA_CERT_FILE: "/c" }, "set both KAFKA_CERT_FILE and KAFKA_KEY_FILE, or neither"],
    ["kafka", { KAFKA_TLS: "true", KAFKA_SASL: "azure-entra" }, "KAFKA_SASL=azure-entra requires AZURE_CLIENT_ID"],
    [
      "kafka",
      { KAFKA_TLS: "true", KAFKA_SASL: "aws-msk-iam", AWS_REGION: "x" },
      "KAFKA_SASL=aws-msk-iam requires an identity",
    ],
    [
      "kafka",
      { KAFKA_TLS: "true", KAFKA_SASL: "aws-msk-iam", ...AWS, AWS_REGION: "" },
      "KAFKA_SASL=aws-msk-iam requires AWS_REGION",
    ],
    [
      "redis",
      { REDIS_URL: "redis://r", REDIS_CA_FILE: "/ca" },
      "REDIS_CA_FILE requires a REDIS_URL that starts with rediss://",
    ],
    [
      "redis",
      { REDIS_URL: "redis://r", REDIS_AUTH: "gcp-iam" },
      "REDIS_AUTH=gcp-iam requires a REDIS_URL that starts with rediss://",
    ],
    ["redis", { REDIS_URL: "rediss://:p@r", REDIS_AUTH: "gcp-iam" }, "remove the password from REDIS_URL"],
    ["redis", { REDIS_AUTH: "aws-iam", ...AWS }, "requires the cache's own address in REDIS_URL"],
    ["redis", { REDIS_AUTH: "aws-iam", REDIS_URL: CACHE, ...AWS, AWS_ROLE_ARN: "" }, "requires the user in REDIS_URL"],
    ["redis", { REDIS_URL: "rediss://[" }, "REDIS_URL is not a valid URL"],
    [
      "postgres",
      { POSTGRES_URL: "postgres://u@p/d?sslmode=prefer" },
      "sslmode=prefer in POSTGRES_URL does not verify the server",
    ],
    [
      "postgres",
      { POSTGRES_URL: "postgres://u@p/d?sslmode=no-verify" },
      "sslmode=no-verify in POSTGRES_URL does not verify",
    ],
    ["postgres", { POSTGRES_URL: "postgres://u@p/d?sslrootcert=/x" }, "sslrootcert in POSTGRES_URL is not supported"],
    ["postgres", { POSTGRES_URL: "postgres://u@p/d?sslmode=verify-ca" }, "sslmode=verify-ca requires POSTGRES_CA_FILE"],
    [
      "postgres",
      { POSTGRES_URL: "postgres://u@p/d?sslmode=disable", POSTGRES_CA_FILE: "/ca" },
      "has no effect with sslmode=disable",
    ],
    [
      "postgres",
      { POSTGRES_URL: "postgres://u@p/d?sslmode=disable", POSTGRES_AUTH: "gcp-iam" },
      "POSTGRES_AUTH=gcp-iam requires TLS",
    ],
    [
      "postgres",
      { POSTGRES_URL: "postgres://u:secret@p/d", POSTGRES_AUTH: "gcp-iam" },
      "remove the password from POSTGRES_URL",
    ],
    ["postgres", { POSTGRES_URL: "postgres://p/d", POSTGRES_AUTH: "gcp-iam" }, "requires the user in POSTGRES_URL"],
  ] as const)("the settings of %s with %p", (name, changes, sentence) => {
    expect(() => read(name, changes)).toThrow(sentence);
    expect(() => read(name, changes)).not.toThrow("secret");
  });

  test("invalid settings with one error that lists all faults, including those of single variables", () => {
    const schema = z.object({ ...kafkaConfig, ...redisConfig, PORT: z.coerce.number().int() });
    const environment = {
      KAFKA_BROKERS: "b:1",
      KAFKA_SASL: "gcp-oauth",
      REDIS_URL: "redis://r",
      REDIS_AUTH: "gcp-iam",
    };
    expect(() => readConfig(schema, environment)).toThrow(
      /PORT is not set; KAFKA_SASL=gcp-oauth requires .*; REDIS_AUTH=gcp-iam requires /,
    );
  });
});

test("does not check Kafka settings of a service without Kafka", () => {
  expect(() => readConfig(SCHEMAS.redis, { ...GOOD.redis, KAFKA_SASL: "plain" })).not.toThrow();
});
