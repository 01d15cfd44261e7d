import { randomBytes } from "node:crypto";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { startAuth } from "./start-auth.js";
import { publishedKeys, requestToken, SHOP_BASIC, testConfig } from "./testing/service.js";

const countRow = z.object({ count: z.string() });

let postgresUrl: string;
let database: Database;

beforeEach(async () => {
  ({ postgresUrl } = await testStack());
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
});

afterEach(() => database.close());

describe("startAuth", () => {
  test("instances that start concurrently on an empty database share one key and all clients", async () => {
    const config = testConfig(postgresUrl);
    const services = await Promise.all([startAuth(config), startAuth(config), startAuth(config)]);
    try {
      const published = await Promise.all(services.map(({ url }) => publishedKeys(url)));
      expect(published[0]).toHaveLength(1);
      expect(published[1]).toEqual(published[0]);
      expect(published[2]).toEqual(published[0]);
      const [keys] = await database.query(countRow, "SELECT count(*) FROM auth.signing_keys");
      expect(keys).toEqual({ count: "1" });
      for (const { url } of services) {
        await expect(requestToken(url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
      }
    } finally {
      await Promise.all(services.map((service) => service.close()));
    }
  });

  test("regression #24: responds with a problem document to a body that is not JSON", async () => {
    const service = await startAuth(testConfig(postgresUrl));
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${service.url}/v1/clients`, { method: "POST", headers, body: "\0" });
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      expect([response.status, await response.json()]).toMatchObject([400, { code: "malformed-json" }]);
    } finally {
      await service.close();
    }
  });

  test("keeps the key after a restart", async () => {
    const config = testConfig(postgresUrl);
    const first = await startAuth(config);
    const before = await publishedKeys(first.url);
    await first.close();
    const second = await startAuth(config);
    try {
      await expect(publishedKeys(second.url)).resolves.toEqual(before);
    } finally {
      await second.close();
    }
  });

  test("publishes a retired key until its last token expires, but does not sign with it", async () => {
    const config = testConfig(postgresUrl);
    const first = await startAuth(config);
    const [old] = await publishedKeys(first.url);
    await first.close();
    await database.execute("UPDATE auth.signing_keys SET retired_at = now() - interval '200 seconds'", []);
    const second = await startAuth(config);
    const [signing, retired, ...others] = await publishedKeys(second.url);
    await second.close();
    expect(signing?.kid).not.toBe(old?.kid);
    expect(retired).toEqual(old);
    expect(others).toEqual([]);
    await database.execute("UPDATE auth.signing_keys SET retired_at = now() - interval '301 seconds' WHERE kid = $1", [
      old?.kid,
    ]);
    const third = await startAuth(config);
    try {
      await expect(publishedKeys(third.url)).resolves.toEqual([signing]);
    } finally {
      await third.close();
    }
  });

  test("does not start with another KEY_ENCRYPTION_KEY, and changes nothing", async () => {
    await (await startAuth(testConfig(postgresUrl))).close();
    const other = testConfig(postgresUrl, { KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64") });
    await expect(startAuth(other)).rejects.toMatchObject({ code: "config-invalid" });
    await expect(startAuth(other)).rejects.toThrow(
      /^KEY_ENCRYPTION_KEY cannot decrypt the signing key [\w-]{43} in the database\. Set it to the key with which the signing key was encrypted\.$/,
    );
    const [keys] = await database.query(countRow, "SELECT count(*) FROM auth.signing_keys");
    expect(keys).toEqual({ count: "1" });
  });

  test("refuses to start if the database is unreachable or rejects the login", async () => {
    const nowhere = testConfig("postgres://localhost:1/auth");
    await expect(startAuth(nowhere)).rejects.toMatchObject({ code: "database-unavailable" });
    const missing = testConfig(postgresUrl.replace(/\/[^/]*$/, "/missing"));
    await expect(startAuth(missing)).rejects.toMatchObject({ code: "config-invalid" });
    await expect(startAuth(missing)).rejects.toThrow("The database rejects POSTGRES_URL");
  });
});
