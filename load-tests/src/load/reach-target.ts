import { join } from "node:path";
import { causeOf } from "@tripline/client/tripline-error";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { localSecret, readTokenUrl } from "@tripline/system/client/find-access";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import { Interrupted } from "@tripline/system/step-log";
import { decodeJwt } from "jose";
import { z } from "zod";
import { BenchError } from "../harness/bench-error.js";

/** A running Tripline, with credentials for sending payments. */
export interface Target {
  readonly apiUrl: string;
  /** Environment variables with which k6 authenticates. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly tenant: string;
  authorization(): Promise<string>;
  /** If set, the ledger reads the topic. */
  readonly kafka?: Kafka;
  /** Its processes, if this run started it. */
  readonly services: ReadonlyMap<string, { kill(): void }>;
  stop(): Promise<void>;
}

export interface TargetOptions {
  /** Address of ingestion. Without it, the run starts a system on this machine. */
  readonly target?: string;
  /** Brokers of a running system, as `host:port,…`. */
  readonly kafka?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly steps: StepLog;
}

const ANSWER_MS_MAX = 10_000;
const FIX_CREDENTIALS = "set TRIPLINE_CLIENT_ID and TRIPLINE_CLIENT_SECRET, or TRIPLINE_TOKEN";

/** @throws BenchError in one sentence if the target does not respond or denies access */
export async function reachTarget(options: TargetOptions): Promise<Target> {
  if (options.target === undefined) return startTarget(options.steps);
  const apiUrl = options.target.replace(/\/$/, "");
  const tokenUrl = await findTokenUrl(apiUrl);
  const access = await openAccess(apiUrl, tokenUrl, options.environment);
  await checkAccess(apiUrl, await access.authorization());
  const { kafka: brokers } = options;
  return {
    apiUrl,
    ...access,
    ...(brokers === undefined
      ? {}
      : { kafka: connectKafka({ brokers: brokers.split(","), clientId: "tripline-load" }) }),
    services: new Map(),
    stop: async () => {},
  };
}

/** The demo's system with the demo's model, in its own workspace. */
async function startTarget(steps: StepLog): Promise<Target> {
  const workspace = workspaceIn(join(STATE_DIRECTORY, "load"));
  const { system } = await startDemoSystem({ workspace, steps, endOnSignals: false }).catch((error: unknown) => {
    if (error instanceof Interrupted) throw error;
    throw new BenchError(`No system could be started here. ${error instanceof Error ? error.message : error}`);
  });
  try {
    const tokenUrl = await findTokenUrl(system.apiUrl);
    const { clientSecret } = demoSecrets(workspace.secrets);
    if (tokenUrl === undefined)
      throw new BenchError("The OpenAPI document of the started system contains no token endpoint.");
    const access = await clientAccess({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret });
    return { ...access, apiUrl: system.apiUrl, kafka: system.kafka, services: system.services, stop: system.stop };
  } catch (error) {
    await system.stop();
    throw error;
  }
}

async function findTokenUrl(apiUrl: string): Promise<string | undefined> {
  try {
    return await readTokenUrl(apiUrl, {
      silent: "start Tripline there, or omit --target to start one on this machine",
      foreign: "set --target to the address of ingestion",
    });
  } catch (error) {
    throw new BenchError(error instanceof Error ? error.message : String(error));
  }
}

type Access = Pick<Target, "authorization" | "credentials" | "tenant">;

/** The credentials in the environment or, for a system on this machine, its demo client's credentials. */
async function openAccess(
  apiUrl: string,
  tokenUrlOfApi: string | undefined,
  environment: TargetOptions["environment"],
): Promise<Access> {
  const { TRIPLINE_TOKEN: token, TRIPLINE_CLIENT_ID, TRIPLINE_CLIENT_SECRET, TRIPLINE_TOKEN_URL } = environment;
  if (token) {
    const header = `Bearer ${token}`;
    return { tenant: tenantOf(token), credentials: { TRIPLINE_TOKEN: token }, authorization: async () => header };
  }
  const tokenUrl = TRIPLINE_TOKEN_URL || tokenUrlOfApi;
  if (tokenUrl === undefined)
    throw new BenchError(`The OpenAPI document of ${apiUrl} contains no token endpoint: set TRIPLINE_TOKEN_URL.`);
  if (TRIPLINE_CLIENT_ID && TRIPLINE_CLIENT_SECRET) {
    return clientAccess({ tokenUrl, clientId: TRIPLINE_CLIENT_ID, clientSecret: TRIPLINE_CLIENT_SECRET });
  }
  const clientSecret = await localSecret(apiUrl);
  if (clientSecret === undefined) throw new BenchError(`There are no credentials for ${apiUrl}: ${FIX_CREDENTIALS}.`);
  return clientAccess({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret });
}

interface Client {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const tokenAnswer = z.object({ access_token: z.string(), expires_in: z.number() });
/** Share of a token's lifetime after which it is renewed. */
const USED_SHARE = 0.6;

async function clientAccess(client: Client): Promise<Access> {
  let held = await requestToken(client);
  return {
    tenant: tenantOf(held.token),
    credentials: {
      TRIPLINE_TOKEN_URL: client.tokenUrl,
      TRIPLINE_CLIENT_ID: client.clientId,
      TRIPLINE_CLIENT_SECRET: client.clientSecret,
    },
    async authorization() {
      if (Date.now() > held.renewAtMs) held = await requestToken(client);
      return `Bearer ${held.token}`;
    },
  };
}

async function requestToken({ tokenUrl, clientId, clientSecret }: Client) {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(tokenUrl, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    body = await response.json();
  } catch (error) {
    throw new BenchError(
      `${tokenUrl} issues no token (${causeOf(error)}): check that auth runs there, or ${FIX_CREDENTIALS}.`,
    );
  }
  const answer = tokenAnswer.safeParse(body);
  if (!response.ok || !answer.success) {
    const { error = "the response contains no token" } = z
      .object({ error: z.string().optional() })
      .catch({})
      .parse(body);
    throw new BenchError(
      `${tokenUrl} rejected ${clientId} (${response.status}, ${error}): ${FIX_CREDENTIALS} that it knows.`,
    );
  }
  const { access_token: token, expires_in: lifeSeconds } = answer.data;
  return { token, renewAtMs: Date.now() + lifeSeconds * 1_000 * USED_SHARE };
}

function tenantOf(token: string): string {
  try {
    return z.object({ tenant: z.string() }).parse(decodeJwt(token)).tenant;
  } catch {
    throw new BenchError(`The token contains no tenant: ${FIX_CREDENTIALS} of a client of Tripline's auth.`);
  }
}

/** The ID of a payment that does not exist, so that with a valid token, the response is 404. */
const NO_PAYMENT = `txn_${"0".repeat(32)}`;

async function checkAccess(apiUrl: string, authorization: string): Promise<void> {
  const response = await fetch(`${apiUrl}/v1/decisions/${NO_PAYMENT}`, {
    headers: { authorization },
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const { code = "unknown" } = z
    .object({ code: z.string().optional() })
    .catch({})
    .parse(await response.json());
  if (response.status === 404 && code === "decision-not-found") return;
  throw new BenchError(
    `${apiUrl} rejects the token (${response.status}, ${code}): ${FIX_CREDENTIALS} with the scopes transactions:write, labels:write and decisions:read.`,
  );
}
