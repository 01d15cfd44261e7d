import { randomBytes } from "node:crypto";
import { readConfig } from "@tripline/settings/read-config";
import { authConfig } from "./config.js";

const SHORT_SECRET = "too-short-to-be-a-secret"; // 24 characters: the shortest valid secret
const GOOD = {
  PORT: "0",
  KAFKA_BROKERS: "127.0.0.1:9092",
  POSTGRES_URL: "postgres://localhost/auth",
  AUTH_ISSUER: "https://auth.example.com",
  KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
};

function bootstrap(client: Record<string, unknown>): string {
  return JSON.stringify([
    { client_id: "shop", tenant: "acme", client_secret: SHORT_SECRET, scopes: ["labels:write"], ...client },
  ]);
}

describe("authConfig", () => {
  test("has defaults for all settings except the addresses and the key", () => {
    const config = readConfig(authConfig, GOOD);
    expect(config).toMatchObject({
      AUTH_AUDIENCE: "urn:tripline:api",
      TOKEN_TTL_SECONDS: 300,
      BOOTSTRAP_CLIENTS: [],
      HOST: "127.0.0.1",
    });
    expect(config.KEY_ENCRYPTION_KEY).toHaveLength(32);
  });

  test("reads bootstrap clients", () => {
    const config = readConfig(authConfig, { ...GOOD, BOOTSTRAP_CLIENTS: bootstrap({}) });
    expect(config.BOOTSTRAP_CLIENTS).toEqual([
      {
        client_id: "shop",
        tenant: "acme",
        client_secret: SHORT_SECRET,
        scopes: ["labels:write"],
        redirect_uris: [],
        signed_out_uris: [],
      },
    ]);
  });

  test.each([
    ["a short secret", { client_secret: SHORT_SECRET.slice(1) }, "0.client_secret must have at least 24 characters"],
    ["an unknown scope", { scopes: ["everything"] }, "0.scopes.0 "],
    ["no scope", { scopes: [] }, "0.scopes "],
    ["an invalid tenant", { tenant: "acme corp" }, "0.tenant must be"],
    ["an unknown field", { admin: true }, "admin"],
    ["neither secret nor keys", { client_secret: undefined }, "must have either client_secret or jwks"],
  ])("rejects a bootstrap client with %s, and names the field without its value", (_case, client, message) => {
    const read = () => readConfig(authConfig, { ...GOOD, BOOTSTRAP_CLIENTS: bootstrap(client) });
    expect(read).toThrow(/^The configuration is invalid\. BOOTSTRAP_CLIENTS: /);
    expect(read).toThrow(message);
    expect(read).not.toThrow(SHORT_SECRET.slice(1));
  });

  test("does not quote bootstrap clients that are not JSON", () => {
    const read = () => readConfig(authConfig, { ...GOOD, BOOTSTRAP_CLIENTS: `[{"client_secret": ${SHORT_SECRET}` });
    expect(read).toThrow("BOOTSTRAP_CLIENTS: ");
    expect(read).not.toThrow(SHORT_SECRET);
  });

  test.each([
    ["AUTH_ISSUER", "https://auth.example.com/"],
    ["AUTH_ISSUER", "https://example.com/auth"],
    ["AUTH_ISSUER", "urn:tripline"],
    ["AUTH_AUDIENCE", "tripline"],
    ["KEY_ENCRYPTION_KEY", "c2hvcnQ="],
    ["TOKEN_TTL_SECONDS", "0"],
    ["TOKEN_TTL_SECONDS", "601"],
    ["POSTGRES_URL", "mysql://localhost"],
  ])("rejects %s=%s", (name, value) => {
    expect(() => readConfig(authConfig, { ...GOOD, [name]: value })).toThrow(`${name}: `);
  });
});
