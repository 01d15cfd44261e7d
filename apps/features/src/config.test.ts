import { readConfig } from "@tripline/settings/read-config";
import { featuresConfig } from "./config.js";

const BASE = { PORT: "0", KAFKA_BROKERS: "127.0.0.1:9092", REDIS_URL: "redis://127.0.0.1:6379" };
const ISSUER = "https://auth.tripline.test";
const TOKENS = { AUTH_ISSUER: ISSUER, AUTH_JWKS_URL: `${ISSUER}/jwks` };

test.each([
  ["nobody", {}],
  ["callers with a token", { ...TOKENS, HOST: "0.0.0.0" }],
  ["all callers on this machine", { FEATURES_ONLINE_TENANT: "demo" }],
  ["nobody, although the demo's tenant has profiles", { FEAST_TENANT: "demo" }],
  ["all callers on this machine, at its IPv6 address", { FEATURES_ONLINE_TENANT: "demo", HOST: "::1" }],
])("is valid if features are served to %s", (_name, environment) => {
  expect(readConfig(featuresConfig, { ...BASE, ...environment })).toMatchObject(environment);
});

test.each([
  ["a tenant for all callers, from any machine", { FEATURES_ONLINE_TENANT: "demo", HOST: "0.0.0.0" }, "127.0.0.1"],
  ["a host name that resembles this machine's", { FEATURES_ONLINE_TENANT: "demo", HOST: "127.0.0.1.example" }, "HOST"],
  ["a tenant together with tokens", { ...TOKENS, FEATURES_ONLINE_TENANT: "demo" }, "replaces tokens"],
  ["a malformed tenant", { FEATURES_ONLINE_TENANT: "a:b" }, "FEATURES_ONLINE_TENANT: must be"],
  ["an issuer without keys", { AUTH_ISSUER: ISSUER }, "AUTH_JWKS_URL is not set"],
  ["a profile without a tenant", { FEAST_PROFILES: "card" }, "FEAST_TENANT is not set"],
  [
    "a profile that does not exist",
    { FEAST_TENANT: "demo", FEAST_PROFILES: "card,device" },
    "contains unknown profiles: device",
  ],
  ["keys without an issuer", { AUTH_JWKS_URL: `${ISSUER}/jwks` }, "AUTH_ISSUER is not set"],
])("rejects %s", (_name, environment, message) => {
  const read = () => readConfig(featuresConfig, { ...BASE, ...environment });
  expect(read).toThrow(expect.objectContaining({ code: "config-invalid", message: expect.stringContaining(message) }));
});
