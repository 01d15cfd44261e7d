import { mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { loadState } from "@tripline/backfill/states/load-state";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import { endLeftovers } from "@tripline/local-stack/processes/end-leftovers";
import { resetStack } from "@tripline/local-stack/servers/reset-stack";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { ControlClient } from "../client/control-client.js";
import { TokenSource } from "../client/token-source.js";
import { TriplineClient } from "../client/tripline-client.js";
import type { StepLog } from "../step-log.js";
import { demoSecrets } from "./demo-secrets.js";
import { announceSystem } from "./local-system.js";
import type { SystemPorts, Topology } from "./plan-services.js";
import {
  DEMO_CLIENT_ID,
  DEMO_SCOPES,
  DEMO_USER_NAME,
  OPERATOR_CLIENT_ID,
  OPERATOR_SCOPES,
  planServices,
} from "./plan-services.js";
import { ServiceProcess } from "./supervise-services.js";
import type { Workspace } from "./workspace.js";

export interface SystemOptions {
  readonly workspace: Workspace;
  readonly ports: SystemPorts;
  readonly registryUrl: string;
  /** Window state to begin with; without it every card and terminal is new. */
  readonly statePath?: string;
  readonly eventAgeDaysMax: number;
  readonly scoringWaitMs: number;
  readonly contributionsWaitMs?: number;
  /** Whether the archive runs and writes the workspace's lake. */
  readonly isArchived?: boolean;
  /** Whether the console runs. */
  readonly hasConsole?: boolean;
  /** `services`, a process for each, by default. */
  readonly topology?: Topology;
  readonly steps: StepLog;
}

export type ServiceAddresses = Readonly<Record<"ingestion" | "features" | "control" | "auth", string>>;

/** The whole of Tripline on this machine. */
export interface RunningSystem {
  readonly apiUrl: string;
  readonly client: TriplineClient;
  /** Where the console is, and who can sign in there. */
  readonly console: { readonly url: string; readonly userName: string; readonly password: string };
  /** As the operator. */
  readonly control: ControlClient;
  /** The authorization server, as the operator. */
  readonly auth: ControlClient;
  /** Where the services are that a caller may ask with a token. */
  readonly addresses: ServiceAddresses;
  /** A value for the `Authorization` header. */
  authorization(): Promise<string>;
  readonly kafka: Kafka;
  readonly stack: LocalStack;
  /** Its processes, by the names of their programs. */
  readonly services: ReadonlyMap<string, ServiceProcess>;
  stop(): Promise<void>;
}

/**
 * Starts Kafka, Valkey and Postgres on empty data, loads the window state, and starts the services.
 *
 * @throws Error in one sentence; what had been started by then is stopped again
 */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const { workspace, steps, ports } = options;
  await refuseSecond(workspace);
  const secrets = demoSecrets(workspace.secrets);
  rmSync(workspace.logs, { recursive: true, force: true });
  rmSync(workspace.lake, { recursive: true, force: true });
  const stack = await steps.run("start Kafka, Valkey and Postgres", () => startFreshStack(workspace, ports));
  const services = new Map<string, ServiceProcess>();
  const { statePath } = options;
  const lake = options.isArchived === true ? { lakeDirectory: workspace.lake } : {};
  const withdraw = announceSystem(workspace, {
    kafkaBrokers: stack.kafkaBrokers,
    redisUrl: stack.redisUrl,
    ...(statePath === undefined ? {} : { statePath }),
    ...lake,
  });
  const stop = async (): Promise<void> => {
    withdraw();
    await Promise.all([...services.values()].map((service) => service.stop()));
    await stack.stop();
  };
  try {
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "tripline-cli" });
    await steps.run("create topics", async () => {
      const admin = await kafka.admin();
      await admin.ensureTopics();
      await admin.close();
    });
    if (statePath !== undefined) {
      await steps.run("load window state", (progress) =>
        loadState({ statePath, redisUrl: stack.redisUrl, onProgress: progress }),
      );
    }
    for (const plan of planServices({ ...options, ...stack, ...lake, secrets })) {
      services.set(plan.name, new ServiceProcess(plan, workspace.logs));
    }
    await steps.run("start services", () => startTogether(services));
    const issuer = `http://127.0.0.1:${ports.auth}`;
    const tokenUrl = `${issuer}/oauth/token`;
    const tokens = new TokenSource({
      tokenUrl,
      clientId: DEMO_CLIENT_ID,
      clientSecret: secrets.clientSecret,
      scope: DEMO_SCOPES,
    });
    await steps.run("get an access token", () => tokens.authorization());
    const apiUrl = `http://127.0.0.1:${ports.ingestion}`;
    const client = new TriplineClient(apiUrl, tokens);
    const operator = new TokenSource({
      ...{ tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret: secrets.operatorSecret, scope: OPERATOR_SCOPES },
    });
    const addresses = {
      ...{ ingestion: apiUrl, auth: issuer },
      features: `http://127.0.0.1:${ports.features}`,
      control: `http://127.0.0.1:${ports.control}`,
    };
    const control = new ControlClient(addresses.control, operator);
    const auth = new ControlClient(issuer, operator);
    const console = {
      url: `http://127.0.0.1:${ports.console}`,
      userName: DEMO_USER_NAME,
      password: secrets.demoPassword,
    };
    const authorization = () => tokens.authorization();
    return { apiUrl, client, console, control, auth, addresses, authorization, kafka, stack, services, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * To be called before anything of an earlier run is removed. Ends what a killed run left running.
 *
 * @throws TriplineError in one sentence when a system runs in this workspace
 */
export async function refuseSecond(workspace: Workspace): Promise<void> {
  await endLeftovers(resolve(workspace.stack));
}

async function startFreshStack(workspace: Workspace, ports: SystemPorts): Promise<LocalStack> {
  await resetStack(workspace.stack);
  mkdirSync(workspace.stack, { recursive: true });
  return startStack({ directory: workspace.stack, ports, endOnSignals: false, isDurable: false });
}

async function startTogether(services: ReadonlyMap<string, ServiceProcess>): Promise<void> {
  const { archive, console, ...awaited } = Object.fromEntries(services);
  for (const service of Object.values(awaited)) service.start();
  await Promise.all(Object.values(awaited).map((service) => service.ready()));
  // They read earlier records from Kafka, so no payment has to wait for them.
  archive?.start();
  console?.start();
}
