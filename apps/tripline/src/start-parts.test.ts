import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { testStack } from "@tripline/local-stack/testing/stack";
import { z } from "zod";
import { readProcess } from "./read-process.js";
import type { RunningProcess } from "./start-parts.js";
import { startParts } from "./start-parts.js";
import type { Target } from "./targets.js";

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

  test("serves the health of each part on its own port, and stops all parts", async () => {
    const { services, close } = await start({ TARGETS: "features,archive", LAKE_DIRECTORY: join(folder, "lake") });
    const urls = ["archive", "features"].map((target) => services.get(target as "archive")?.url ?? "");
    expect(new Set(urls).size).toBe(2);
    for (const url of urls) expect((await fetch(`${url}/health/live`)).ok).toBe(true);
    await close();
    for (const url of urls) await expect(fetch(`${url}/health/live`)).rejects.toThrow("fetch failed");
  });

  test("runs the control plane: each part has its health and routes, and control accepts tokens issued by auth", async () => {
    const key = Buffer.alloc(32, 1).toString("base64");
    const client = { client_id: "operator", client_secret: "a-secret-of-more-than-24-characters", tenant: "demo" };
    const [authPort = 0] = await findFreePorts(1);
    const issuer = `http://127.0.0.1:${authPort}`;
    const { services, close } = await start({
      TARGETS: "auth,control,console",
      POSTGRES_URL: stack.postgresUrl,
      AUTH_PORT: String(authPort),
      AUTH_ISSUER: issuer,
      KEY_ENCRYPTION_KEY: key,
      BOOTSTRAP_CLIENTS: JSON.stringify([{ ...client, scopes: ["lists:read"] }]),
      SESSION_KEY: key,
      CONSOLE_URL: "http://127.0.0.1:1",
      CONSOLE_CLIENT_SECRET: client.client_secret,
      CONTROL_URL: "http://127.0.0.1:1",
      INGESTION_URL: "http://127.0.0.1:1",
    });
    const url = (target: Target) => services.get(target)?.url ?? "";
    for (const target of ["auth", "control", "console"] as const) {
      expect((await fetch(`${url(target)}/health/live`)).ok).toBe(true);
    }
    const basic = Buffer.from(`${client.client_id}:${encodeURIComponent(client.client_secret)}`).toString("base64");
    const granted = await fetch(`${issuer}/oauth/token`, {
      method: "POST",
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
    const token = z.object({ access_token: z.string() }).parse(await granted.json()).access_token;
    const lists = await fetch(`${url("control")}/v1/lists`, { headers: { authorization: `Bearer ${token}` } });
    expect(lists.status).toBe(200);
    expect((await fetch(`${url("console")}/api/session`)).status).toBe(401);
    await close();
    for (const target of services.keys()) {
      await expect(fetch(`${url(target)}/health/live`)).rejects.toThrow("fetch failed");
    }
  });

  test("a part that fails to start stops the others, and the error names the part and the reason", async () => {
    const REGISTRY_URL = pathToFileURL(join(folder, "no-models")).href;
    const started = start({ TARGETS: "decisions,scoring", REGISTRY_URL });
    await expect(started).rejects.toMatchObject({
      code: "model-not-found",
      message: expect.stringMatching(/^scoring did not start, so this process exits: .*fraud/),
    });
  });
});
