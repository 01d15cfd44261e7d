import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archiveConfig } from "@tripline/archive/config";
import { startArchive } from "@tripline/archive/start-archive";
import { authConfig } from "@tripline/auth/config";
import { startAuth } from "@tripline/auth/start-auth";
import { AccessTokens } from "@tripline/client/access-tokens";
import { consoleConfig } from "@tripline/console/config";
import { startConsole } from "@tripline/console/start-console";
import { controlConfig } from "@tripline/control/config";
import { startControl } from "@tripline/control/start-control";
import { decisionsConfig } from "@tripline/decisions/config";
import { startDecisions } from "@tripline/decisions/start-decisions";
import { featuresConfig } from "@tripline/features/config";
import { startFeatures } from "@tripline/features/start-features";
import { ingestionConfig } from "@tripline/ingestion/config";
import { startIngestion } from "@tripline/ingestion/start-ingestion";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { scoringConfig } from "@tripline/scoring/config";
import { startScoring } from "@tripline/scoring/start-scoring";
import { readConfig } from "@tripline/settings/read-config";
import { CONSOLE_NAMES, ControlClient } from "@tripline/system/client/control-client";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import type { DemoSecrets } from "@tripline/system/services/demo-secrets";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import type { Topology } from "@tripline/system/services/plan-services";
import { DEMO_CLIENT_ID, OPERATOR_CLIENT_ID, planServices, TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { ServiceAddresses } from "@tripline/system/services/run-system";
import type { ServicePlan } from "@tripline/system/services/supervise-services";
import { readProcess } from "@tripline/tripline/read-process";
import { startParts } from "@tripline/tripline/start-parts";

/** The services in this process, on the shared Kafka, Redis and Postgres of the test run. */
export interface InProcessSystem {
  readonly apiUrl: string;
  /** Address of the console, if it runs. */
  readonly consoleUrl: string;
  /** Passwords of the users `demo`, who has every role, and `demo-lead`. */
  readonly passwords: { readonly demo: string; readonly lead: string };
  readonly client: TriplineClient;
  /** The control plane, if it runs, called as an operator of the demo's tenant. */
  readonly control: ControlClient;
  /** The console's API for clients, if it runs, called as the same operator. */
  readonly reports: ControlClient;
  /** The authorization server, called as the same operator. */
  readonly auth: ControlClient;
  readonly addresses: ServiceAddresses;
  readonly secrets: DemoSecrets;
  readonly stack: TestStack;
  readonly kafka: Kafka;
  authorization(): Promise<string>;
  /** For an operator's commands: the address of the control plane, and credentials for it. */
  readonly operator: {
    readonly controlUrl: string;
    readonly tokenUrl: string;
    readonly environment: OperatorEnvironment;
  };
  /** Stops one of the programs gracefully. */
  stop(name: ProgramName): Promise<void>;
  /** Starts a stopped program, or a new program in its place, on the same port. */
  start(name: ProgramName): Promise<void>;
  /** Its address, and the routes of its HTTP port. */
  served(name: ProgramName): { readonly url: string; readonly routes: RunningService["routes"] };
  /** Whether the program reports that it is ready; it responds within a few seconds. */
  isReady(name: ProgramName): Promise<boolean>;
  close(): Promise<void>;
}

export type ProgramName = keyof typeof STARTED;

/** The topologies in which each program runs, in start order. */
const STARTED = {
  auth: TOPOLOGIES,
  control: TOPOLOGIES,
  scoring: ["services"],
  decisions: ["services"],
  tripline: ["together"],
  features: TOPOLOGIES,
  archive: TOPOLOGIES,
  ingestion: TOPOLOGIES,
  console: TOPOLOGIES,
} satisfies Record<string, readonly Topology[]>;

export type OperatorEnvironment = Readonly<Record<"CLIENT_ID" | "CLIENT_SECRET", string>>;

type RunningProgram = Pick<RunningService, "url" | "close"> & Partial<Pick<RunningService, "routes">>;

export interface InProcessOptions {
  /** `file://` address of a registry whose champion fits the current feature spec. */
  readonly registryUrl: string;
  /** The archive's lake. Default: the archive is not started. */
  readonly lakeDirectory?: string;
  /** Whether the control plane runs. Default: no. */
  readonly hasControl?: boolean;
  /** Whether the console runs. Default: no. */
  readonly hasConsole?: boolean;
  /** Whether the feature service reads profiles. Default: no. */
  readonly readsProfiles?: boolean;
  /** How long a decision may wait for its score, in ms. */
  readonly scoringWaitMs?: number;
  /** Replaces the shipped policy. */
  readonly policyFile?: string;
  /** A separate Redis that the test may stop. Default: a database of the shared one. */
  readonly redisUrl?: string;
  readonly logLevel?: string;
  /** Default: `services`. */
  readonly topology?: Topology;
}

export async function startInProcess(options: InProcessOptions): Promise<InProcessSystem> {
  const shared = await testStack();
  const stack = { ...shared, redisUrl: options.redisUrl ?? shared.redisUrl };
  const folder = mkdtempSync(join(tmpdir(), "tripline-system-"));
  const secrets = demoSecrets(join(folder, "secrets.json"));
  const [ingestion = 0, auth = 0, features = 0, scoring = 0, scoringGrpc = 0, decisions = 0, archive = 0, ...rest] =
    await findFreePorts(9);
  const [control = 0, console = 0] = rest;
  const planOptions = {
    ports: {
      ingestion,
      auth,
      features,
      scoring,
      scoringGrpc,
      decisions,
      archive,
      control,
      console,
      kafka: 0,
      redis: 0,
      postgres: 0,
    },
    secrets,
    hasConsole: true,
    ...stack,
    registryUrl: options.registryUrl,
    eventAgeDaysMax: 3_650,
    scoringWaitMs: options.scoringWaitMs ?? 5_000,
    logLevel: options.logLevel ?? "silent",
    ...(options.readsProfiles === true ? { profiles: {} } : {}),
    ...(options.lakeDirectory === undefined ? {} : { lakeDirectory: options.lakeDirectory }),
  };
  const plans = TOPOLOGIES.flatMap((topology) => planServices({ ...planOptions, topology }));
  const policy = options.policyFile === undefined ? undefined : { POLICY_FILE: options.policyFile };
  const environmentOf = (name: string) => ({ ...plans.find((plan) => plan.name === name)?.environment, ...policy });
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  const starters = startersOf(environmentOf);
  const running = new Map<ProgramName, RunningProgram>();
  const stop = async (name: ProgramName): Promise<void> => {
    await running.get(name)?.close();
    running.delete(name);
  };
  const close = async (): Promise<void> => {
    for (const name of [...running.keys()].reverse()) await stop(name);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const name of programsOf(options)) running.set(name, await starters[name]());
    for (const service of running.values()) await becomeReady(service);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...callersOf({ ingestion, features, auth, control }, `http://127.0.0.1:${console}`, secrets),
    passwords: { demo: secrets.demoPassword, lead: secrets.leadPassword },
    stack,
    kafka,
    stop,
    async start(name) {
      const service = await starters[name]();
      running.set(name, service);
      await becomeReady(service);
    },
    served: (name) => ({ url: running.get(name)?.url ?? "", routes: running.get(name)?.routes ?? [] }),
    isReady: async (name) => (await fetch(`${running.get(name)?.url}/health/ready`)).ok,
    close,
  };
}

/** Clients of the services, which have tokens. */
function callersOf(ports: Readonly<Record<keyof ServiceAddresses, number>>, consoleUrl: string, secrets: DemoSecrets) {
  const url = (name: keyof ServiceAddresses) => `http://127.0.0.1:${ports[name]}`;
  const addresses = {
    ingestion: url("ingestion"),
    features: url("features"),
    control: url("control"),
    auth: url("auth"),
  };
  const tokenUrl = `${addresses.auth}/oauth/token`;
  const tokensFor = (clientId: string, clientSecret: string) => new AccessTokens({ tokenUrl, clientId, clientSecret });
  const tokens = tokensFor(DEMO_CLIENT_ID, secrets.clientSecret);
  const operator = tokensFor(OPERATOR_CLIENT_ID, secrets.operatorSecret);
  return {
    addresses,
    secrets,
    apiUrl: addresses.ingestion,
    client: new TriplineClient(addresses.ingestion, tokens),
    control: new ControlClient(addresses.control, operator),
    consoleUrl,
    reports: new ControlClient(consoleUrl, operator, undefined, CONSOLE_NAMES),
    auth: new ControlClient(addresses.auth, operator),
    authorization: () => tokens.authorization(),
    operator: {
      controlUrl: addresses.control,
      tokenUrl,
      environment: { CLIENT_ID: OPERATOR_CLIENT_ID, CLIENT_SECRET: secrets.operatorSecret },
    },
  };
}

function startersOf(
  environmentOf: (name: string) => ServicePlan["environment"],
): Readonly<Record<ProgramName, () => Promise<RunningProgram>>> {
  return {
    auth: () => startAuth(readConfig(authConfig, environmentOf("auth"))),
    control: () => startControl(readConfig(controlConfig, environmentOf("control"))),
    scoring: () => startScoring(readConfig(scoringConfig, environmentOf("scoring"))),
    decisions: () => startDecisions(readConfig(decisionsConfig, environmentOf("decisions"))),
    tripline: async () => {
      const { services, close } = await startParts(await readProcess(environmentOf("tripline")));
      return { url: services.get("decisions")?.url ?? "", close };
    },
    features: () => startFeatures(readConfig(featuresConfig, environmentOf("features"))),
    archive: () => startArchive(readConfig(archiveConfig, environmentOf("archive"))),
    console: () => startConsole(readConfig(consoleConfig, environmentOf("console"))),
    ingestion: () => startIngestion(readConfig(ingestionConfig, environmentOf("ingestion"))),
  };
}

/** In start order. */
function programsOf({ topology = "services", lakeDirectory, hasControl, hasConsole }: InProcessOptions): ProgramName[] {
  const programs: readonly (readonly [string, readonly Topology[]])[] = Object.entries(STARTED);
  const left = new Set([
    ...(lakeDirectory === undefined ? ["archive"] : []),
    ...(hasControl === true ? [] : ["control"]),
    ...(hasConsole === true ? [] : ["console"]),
  ]);
  return programs
    .filter(([name, topologies]) => topologies.includes(topology) && !left.has(name))
    .map(([name]) => name as ProgramName);
}

const READY_TRIES_MAX = 200;
const READY_POLL_MS = 50;

async function becomeReady(service: RunningProgram): Promise<void> {
  let report = "";
  for (let attempt = 0; attempt < READY_TRIES_MAX; attempt += 1) {
    const response = await fetch(`${service.url}/health/ready`);
    report = await response.text();
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new Error(`${service.url} is not ready: ${report}`);
}
