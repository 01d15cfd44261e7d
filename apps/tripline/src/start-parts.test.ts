import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { testStack } from "@tripline/local-stack/testing/stack";
import { readProcess } from "./read-process.js";
import type { RunningProcess } from "./start-parts.js";
import { startParts } from "./start-parts.js";

describe("a process with several parts", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-parts-"));
  let stack: TestStack;
  let running: RunningProcess | undefined;

  beforeAll(async () => {
    stack = await testStack();
  });
  afterEach(() => running?.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  const start = async (environment: Record<string, string>): Promise<RunningProcess> => {
    const shared = {
      PORT: "0",
      LOG_LEVEL: "silent",
      KAFKA_BROKERS: stack.kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: stack.topicPrefix,
      REDIS_URL: stack.redisUrl,
    };
    running = await startParts(await readProcess({ ...shared, ...environment }));
    return running;
  };

  test("serves health of each part on its own port, and ends all of them", async () => {
    const { services, close } = await start({ TARGETS: "features,archive", LAKE_DIRECTORY: join(folder, "lake") });
    const urls = ["archive", "features"].map((target) => services.get(target as "archive")?.url ?? "");
    expect(new Set(urls).size).toBe(2);
    for (const url of urls) expect((await fetch(`${url}/health/live`)).ok).toBe(true);
    await close();
    for (const url of urls) await expect(fetch(`${url}/health/live`)).rejects.toThrow("fetch failed");
  }, 60_000);

  test("a part that does not start ends the others, and is named with the reason", async () => {
    const REGISTRY_URL = pathToFileURL(join(folder, "no-models")).href;
    const started = start({ TARGETS: "decisions,scoring", REGISTRY_URL });
    await expect(started).rejects.toMatchObject({
      code: "model-not-found",
      message: expect.stringMatching(/^scoring did not start, so this process ends: .*fraud/),
    });
  }, 60_000);
});
