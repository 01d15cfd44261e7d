import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { tokenVerifier } from "@tripline/tokens/verify-token";
import { decodeProtectedHeader } from "jose";
import { startAuth } from "../start-auth.js";
import {
  AUDIENCE,
  authEnvironment,
  ISSUER,
  publishedKeys,
  requestToken,
  SHOP_BASIC,
  testConfig,
} from "../testing/service.js";

const MAIN = fileURLToPath(new URL("../operate/main.js", import.meta.url));
const run = promisify(execFile);

let postgresUrl: string;
let environment: Record<string, string>;
let services: RunningService[];
let database: Database;

beforeAll(async () => {
  ({ postgresUrl } = await testStack());
  environment = authEnvironment(postgresUrl);
  const config = testConfig(postgresUrl, environment);
  services = [await startAuth(config), await startAuth(config)];
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
});

afterAll(async () => {
  await Promise.all(services.map((service) => service.close()));
  await database.close();
});

const rotate = (KEY_ENCRYPTION_KEY = environment.KEY_ENCRYPTION_KEY ?? "") =>
  run(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, POSTGRES_URL: postgresUrl, AUTH_ACTION: "rotate-keys", KEY_ENCRYPTION_KEY },
  });

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100));
}

test("all instances publish a new key before signing with it, and every token stays valid", async () => {
  const [first, second] = services;
  if (first === undefined || second === undefined) throw new Error("two instances");
  const verifier = tokenVerifier({ issuer: ISSUER, jwksUrl: `${first.url}/oauth/jwks`, audience: AUDIENCE });
  const take = async ({ url }: RunningService) => {
    const { access_token: token = "" } = await requestToken(url, SHOP_BASIC);
    await verifier.verify(`Bearer ${token}`, "decisions:read");
    return decodeProtectedHeader(token).kid;
  };
  const old = await take(first);
  const before = `Bearer ${(await requestToken(first.url, SHOP_BASIC)).access_token}`;
  const { stdout } = await rotate();
  const kid = /The key ([\w-]{43}) has been published/.exec(stdout)?.[1];
  expect(kid).not.toBe(old);
  // On a slow machine, 20 seconds may pass before all instances publish the key, so the test postpones its first use.
  await database.execute("UPDATE auth.signing_keys SET active_from = active_from + interval '1 hour' WHERE kid = $1", [
    kid,
  ]);
  const kidsAt = async ({ url }: RunningService) => (await publishedKeys(url)).map((key) => key.kid);
  await until(async () => (await Promise.all(services.map(kidsAt))).every((kids) => kids.length === 2));
  expect(await take(first)).toBe(old);
  // From now on, the new key may sign.
  await database.execute("UPDATE auth.signing_keys SET active_from = now() WHERE kid = $1", [kid]);
  await until(async () => (await Promise.all(services.map(take))).every((used) => used === kid));
  // A token signed with the old key stays valid until it expires.
  await expect(verifier.verify(before, "decisions:read")).resolves.toMatchObject({ subject: "shop" });
  await database.execute("UPDATE auth.signing_keys SET retired_at = now() - interval '400 seconds' WHERE kid <> $1", [
    kid,
  ]);
  await until(async () => (await Promise.all(services.map(kidsAt))).every((kids) => kids.join() === kid));
});

test("rejects another KEY_ENCRYPTION_KEY without changing anything", async () => {
  const refused = rotate(Buffer.alloc(32, 7).toString("base64"));
  await expect(refused).rejects.toThrow("cannot decrypt the signing key");
  expect(await publishedKeys(services[0]?.url ?? "")).toHaveLength(1);
});
