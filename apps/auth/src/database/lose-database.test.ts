import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { startAuth } from "../start-auth.js";
import { publishedKeys, requestToken, SHOP_BASIC, testConfig } from "../testing/service.js";

const TRIES_MAX = 400;

let directory: string;
let stack: LocalStack;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-auth-"));
  stack = await startStack({ directory, parts: ["postgres"], isDurable: false, endOnSignals: false });
});

afterAll(async () => {
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

test("without its database, auth answers token requests with 503, still serves its keys, and recovers", async () => {
  const service = await startAuth(testConfig(stack.postgresUrl));
  const readiness = async () => (await fetch(`${service.url}/health/ready`)).status;
  try {
    await expect(requestToken(service.url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
    await expect(readiness()).resolves.toBe(200);
    await stack.postgres.kill();
    // Postgres' backend processes outlive their parent for a moment.
    let answer = await requestToken(service.url, SHOP_BASIC);
    for (let tries = 0; answer.status === 200 && tries < TRIES_MAX; tries += 1) {
      await delay(50);
      answer = await requestToken(service.url, SHOP_BASIC);
    }
    expect(answer).toMatchObject({ status: 503, error: "temporarily_unavailable" });
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(answer.error_description).toBe("The database is unavailable");
    await expect(readiness()).resolves.toBe(503);
    await expect(publishedKeys(service.url)).resolves.toHaveLength(1);
    await stack.postgres.start();
    await expect(requestToken(service.url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
    await expect(readiness()).resolves.toBe(200);
  } finally {
    await service.close();
  }
});
