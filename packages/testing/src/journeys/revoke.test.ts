import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authConfig } from "@tripline/auth/config";
import { startAuth } from "@tripline/auth/start-auth";
import { authCommand } from "@tripline/cli/commands/auth/auth";
import { controlConfig } from "@tripline/control/config";
import { startControl } from "@tripline/control/start-control";
import { featuresConfig } from "@tripline/features/config";
import { startFeatures } from "@tripline/features/start-features";
import { ingestionConfig } from "@tripline/ingestion/config";
import { startIngestion } from "@tripline/ingestion/start-ingestion";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/service-kit/config/read-config";
import { ControlClient } from "@tripline/system/client/control-client";
import { TokenSource } from "@tripline/system/client/token-source";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, OPERATOR_CLIENT_ID, planServices } from "@tripline/system/services/plan-services";

/** The promise: a client is refused by every service this soon after it was disabled. */
const REFUSED_MS_MAX = 2_000;
const READY_MS_MAX = 60_000;

let folder: string;
const running: RunningService[] = [];
let tokenUrl: string;
let authUrl: string;
let admin: ControlClient;
let secrets: ReturnType<typeof demoSecrets>;
/** One call of each service that checks tokens; which answer it gives does not matter, only whether the token is taken. */
let calls: Readonly<Record<string, (authorization: string) => Promise<Response>>>;

beforeAll(async () => {
  const stack = await testStack();
  folder = mkdtempSync(join(tmpdir(), "tripline-revoke-"));
  secrets = demoSecrets(join(folder, "secrets.json"));
  const [auth = 0, control = 0, ingestion = 0, features = 0] = await findFreePorts(4);
  const none = { scoring: 0, scoringGrpc: 0, decisions: 0, archive: 0, kafka: 0, redis: 0, postgres: 0, console: 0 };
  const plans = planServices({
    ...stack,
    ports: { ...none, auth, control, ingestion, features },
    secrets,
    registryUrl: `file://${folder}/registry`,
    eventAgeDaysMax: 1,
    scoringWaitMs: 1,
    logLevel: "silent",
  });
  const environmentOf = (name: string) => plans.find((plan) => plan.name === name)?.environment ?? {};
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const topics = await kafka.admin();
  await topics.ensureTopics();
  await topics.close();
  running.push(await startAuth(readConfig(authConfig, environmentOf("auth"))));
  running.push(
    ...(await Promise.all([
      startControl(readConfig(controlConfig, environmentOf("control"))),
      startIngestion(readConfig(ingestionConfig, environmentOf("ingestion"))),
      startFeatures(readConfig(featuresConfig, environmentOf("features"))),
    ])),
  );
  const [first = "", ...urls] = running.map(({ url }) => url);
  authUrl = first;
  const [controlUrl, ingestionUrl, featuresUrl] = urls;
  await Promise.all(urls.map(untilFollowing));
  tokenUrl = `${authUrl}/oauth/token`;
  const operator = { tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret: secrets.operatorSecret };
  admin = new ControlClient(authUrl, new TokenSource(operator));
  const post = (url: string) => (authorization: string) =>
    fetch(url, { method: "POST", headers: { authorization, "content-type": "application/json" }, body: "{}" });
  calls = {
    ingestion: post(`${ingestionUrl}/v1/transactions`),
    features: post(`${featuresUrl}/get-online-features`),
    control: (authorization) => fetch(`${controlUrl}/v1/lists`, { headers: { authorization } }),
  };
}, 180_000);

afterAll(async () => {
  await Promise.all(running.map((service) => service.close()));
  rmSync(folder, { recursive: true });
});

/** Until a service knows what was taken back before it started. */
async function untilFollowing(url: string): Promise<void> {
  for (const endMs = Date.now() + READY_MS_MAX; Date.now() < endMs; ) {
    const response = await fetch(`${url}/health/ready`);
    const { checks } = (await response.json()) as { checks: Record<string, string> };
    if (checks["auth-events"] === "ok") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} does not follow auth-events`);
}

async function outcomes(authorization: string): Promise<Record<string, number>> {
  const answers = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => {
      const response = await call(authorization);
      await response.arrayBuffer();
      return [name, response.status] as const;
    }),
  );
  return Object.fromEntries(answers);
}

const REFUSED = { ingestion: 401, features: 401, control: 401 };

/** Asks without a pause until every service refuses. @returns what it took, in ms */
async function untilRefused(authorization: string): Promise<number> {
  const startedMs = performance.now();
  let last: object = {};
  while (performance.now() - startedMs < REFUSED_MS_MAX) {
    last = await outcomes(authorization);
    if (Object.values(last).every((status) => status === 401)) return performance.now() - startedMs;
  }
  expect(last).toEqual(REFUSED);
  return Number.POSITIVE_INFINITY;
}

test("a disabled client is refused by every service within two seconds, though its token is cached and valid", async () => {
  const { clientSecret } = secrets;
  const shop = await new TokenSource({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret }).authorization();
  const before = await outcomes(shop);
  // It may not ask control, but its token is taken there; the bodies are wrong elsewhere.
  expect(before).toEqual({ ingestion: 422, features: 422, control: 403 });
  const other = await new TokenSource({
    ...{ tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret: secrets.operatorSecret },
  }).authorization();
  await admin.call("POST", `/v1/clients/${DEMO_CLIENT_ID}/disable`);
  expect(await untilRefused(shop)).toBeLessThan(REFUSED_MS_MAX);
  // Nobody else is.
  expect(await outcomes(other)).toEqual({ ingestion: 403, features: 403, control: 200 });
  const again = new TokenSource({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret }).authorization();
  await expect(again).rejects.toThrow("invalid_client");
  await admin.call("POST", `/v1/clients/${DEMO_CLIENT_ID}/enable`);
  // The old token stays worthless; one that is fetched in another second is taken.
  expect(await untilRefused(shop)).toBeLessThan(REFUSED_MS_MAX);
  await new Promise((resolve) => setTimeout(resolve, 1_005 - (Date.now() % 1_000)));
  const fresh = await new TokenSource({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret }).authorization();
  for (const endMs = Date.now() + REFUSED_MS_MAX; Date.now() < endMs; ) {
    if ((await outcomes(fresh)).ingestion === 422) break;
  }
  expect(await outcomes(fresh)).toEqual(before);
});

test("`tripline auth` manages people and clients", async () => {
  Object.assign(process.env, { CLIENT_ID: OPERATOR_CLIENT_ID, CLIENT_SECRET: secrets.operatorSecret });
  const told = async (...words: string[]): Promise<string> => {
    let text = "";
    const command = authCommand({
      write(part) {
        text += part;
        return true;
      },
    });
    await command.parseAsync([...words, "--auth", authUrl], { from: "user" });
    return text;
  };
  try {
    const added = await told("people", "add", "anna", "--name", "Anna", "--roles", "viewer");
    expect(added).toMatch(/^anna {2}Anna {2}viewer\npassword, not shown again: [\w-]{32}\n$/);
    expect(await told("people", "roles", "anna", "analyst,lead")).toBe("anna  Anna  analyst,lead\n");
    expect(await told("people", "disable", "anna")).toMatch(/^anna {2}Anna {2}analyst,lead {2}\(disabled [^)]+\)\n$/);
    expect((await told("people", "list")).split("\n").map((line) => line.split(" ")[0])).toEqual([
      ...["anna", "demo", "demo-lead", ""],
    ]);
    expect(await told("clients", "add", "till", "--scopes", "labels:write")).toMatch(
      /\nsecret, not shown again: \S{32}\n$/,
    );
    expect(await told("clients", "disable", "till")).toContain("(disabled ");
    await expect(told("people", "reset", "nobody")).rejects.toThrow("There is no such person.");
  } finally {
    delete process.env.CLIENT_ID;
    delete process.env.CLIENT_SECRET;
  }
});
