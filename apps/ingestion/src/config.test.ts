import { randomBytes } from "node:crypto";
import { readConfig } from "@tripline/settings/read-config";
import { ingestionConfig } from "./config.js";

const environment = {
  PORT: "8080",
  KAFKA_BROKERS: "localhost:9092",
  REDIS_URL: "redis://localhost:6379",
  AUTH_ISSUER: "https://auth.example.com",
  AUTH_JWKS_URL: "https://auth.example.com/oauth/jwks",
  CARD_TOKEN_KEY: randomBytes(32).toString("base64"),
};

describe("configuration", () => {
  test("has its documented defaults", () => {
    expect(readConfig(ingestionConfig, environment)).toMatchObject({
      EVENT_AGE_DAYS_MAX: 30,
      WAIT_SECONDS_MAX: 30,
      DEADLINE_MS_DEFAULT: 2_000,
      IDEMPOTENCY_TTL_HOURS: 24,
    });
  });

  test("ignores a line feed at the end of a key", () => {
    const read = readConfig(ingestionConfig, { ...environment, CARD_TOKEN_KEY: `${environment.CARD_TOKEN_KEY}\n` });
    expect(read.CARD_TOKEN_KEY.toString("base64")).toBe(environment.CARD_TOKEN_KEY);
  });

  test.each([
    [randomBytes(8).toString("base64"), /CARD_TOKEN_KEY.*: has 8 bytes; must be at least 32 random bytes in base64/],
    ["not base64", /CARD_TOKEN_KEY.*: must be at least 32 random bytes in base64/],
  ])("rejects an invalid key (%s), and states the required length", (value, message) => {
    expect(() => readConfig(ingestionConfig, { ...environment, CARD_TOKEN_KEY: value })).toThrow(message);
  });

  test.each([
    ["CARD_TOKEN_KEY", randomBytes(31).toString("base64")],
    ["CARD_TOKEN_KEY", "not base64 but quite long enough to be a key of 32 bytes"],
    ["EVENT_AGE_DAYS_MAX", "0"],
    ["WAIT_SECONDS_MAX", "forever"],
    ["PENDING_RECORDS_MAX", "20001"],
  ])("rejects %s=%s without repeating the value", (name, value) => {
    const read = () => readConfig(ingestionConfig, { ...environment, [name]: value });
    expect(read).toThrow(name);
    if (name === "CARD_TOKEN_KEY") expect(read).not.toThrow(value);
  });
});
