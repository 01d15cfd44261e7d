import { generateKeyPairSync } from "node:crypto";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { z } from "zod";
import { AUTH_MIGRATIONS } from "../database/set-up-database.js";
import type { ClientRegistration } from "./client-registration.js";
import { matchesHash } from "./hash-secret.js";
import { registerClient } from "./register-client.js";

const SECRET = "a-secret-of-more-than-24-characters";
const PAIR = generateKeyPairSync("ec", { namedCurve: "P-256" });
const PUBLIC_JWK = jwkOf(PAIR.publicKey.export({ format: "jwk" }));
const PRIVATE_JWK = jwkOf(PAIR.privateKey.export({ format: "jwk" }));
const SMALL_RSA_JWK = jwkOf(generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey.export({ format: "jwk" }));

const row = z.object({
  tenant: z.string(),
  auth_method: z.string(),
  secret_hash: z.string().nullable(),
  jwks: z.unknown(),
  scopes: z.array(z.string()),
  disabled: z.boolean(),
});

let database: Database;

function jwkOf(jwk: object): Record<string, string> {
  return z.record(z.string(), z.string()).parse(jwk);
}

function withSecret(changes: Partial<ClientRegistration> = {}): ClientRegistration {
  return { client_id: "shop", tenant: "acme", client_secret: SECRET, scopes: ["labels:write"], ...changes };
}

async function stored(clientId = "shop"): Promise<z.infer<typeof row>> {
  const [client] = await database.query(
    row,
    `SELECT tenant, auth_method, secret_hash, jwks, scopes, disabled_at IS NOT NULL AS disabled
     FROM auth.clients WHERE client_id = $1`,
    [clientId],
  );
  if (client === undefined) throw new Error(`${clientId} is not registered`);
  return client;
}

beforeEach(async () => {
  const { postgresUrl } = await testStack();
  database = connectDatabase({ url: postgresUrl, connectionsMax: 2, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS));
});

afterEach(() => database.close());

describe("registerClient", () => {
  test("stores a hash and never the secret", async () => {
    await registerClient(database, withSecret());
    const client = await stored();
    expect(client).toMatchObject({ tenant: "acme", auth_method: "client_secret_basic", jwks: null, disabled: false });
    expect(JSON.stringify(client)).not.toContain(SECRET);
    await expect(matchesHash(SECRET, client.secret_hash ?? "")).resolves.toBe(true);
  });

  test("keeps the hash of an unchanged secret, replaces that of a changed one, and updates the other fields", async () => {
    await registerClient(database, withSecret());
    const before = await stored();
    await registerClient(database, withSecret({ tenant: "other", scopes: ["decisions:read", "decisions:read"] }));
    await expect(stored()).resolves.toEqual({ ...before, tenant: "other", scopes: ["decisions:read"] });
    await registerClient(database, withSecret({ client_secret: `${SECRET}-2` }));
    expect((await stored()).secret_hash).not.toBe(before.secret_hash);
  });

  test("switches a client from a secret to keys", async () => {
    await registerClient(database, withSecret());
    await registerClient(database, withSecret({ client_secret: undefined, jwks: { keys: [PUBLIC_JWK] } }));
    await expect(stored()).resolves.toMatchObject({
      auth_method: "private_key_jwt",
      secret_hash: null,
      jwks: { keys: [PUBLIC_JWK] },
    });
  });

  test("keeps a disabled client disabled", async () => {
    await registerClient(database, withSecret());
    await database.execute("UPDATE auth.clients SET disabled_at = now()");
    await registerClient(database, withSecret());
    await expect(stored()).resolves.toMatchObject({ disabled: true });
  });

  test.each([
    ["a short secret", { client_secret: SECRET.slice(0, 23) }, "/client_secret"],
    ["a secret with a line break", { client_secret: `${SECRET}\n` }, "/client_secret"],
    ["a client ID with a space", { client_id: "my shop" }, "/client_id"],
    ["a private key", { client_secret: undefined, jwks: { keys: [PRIVATE_JWK] } }, "/jwks/keys/0"],
    ["a symmetric key", { client_secret: undefined, jwks: { keys: [{ kty: "oct", k: "c2VjcmV0" }] } }, "/jwks/keys/0"],
    ["a small RSA key", { client_secret: undefined, jwks: { keys: [SMALL_RSA_JWK] } }, "/jwks/keys/0"],
    ["an invalid key", { client_secret: undefined, jwks: { keys: [{ kty: "EC" }] } }, "/jwks/keys/0"],
    ["no secret and no keys", { client_secret: undefined, jwks: { keys: [] } }, "/jwks/keys"],
    ["a secret and keys", { jwks: { keys: [PUBLIC_JWK] } }, ""],
  ])("rejects %s", async (_case, changes, pointer) => {
    await expect(registerClient(database, withSecret(changes))).rejects.toMatchObject({
      code: "invalid-field",
      fields: [{ pointer }],
    });
    await expect(stored()).rejects.toThrow("not registered");
  });
});
