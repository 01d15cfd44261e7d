import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { loadState } from "@tripline/backfill/states/load-state";
import { AccessTokens } from "@tripline/client/access-tokens";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import { endLeftovers } from "@tripline/local-stack/processes/end-leftovers";
import { patient } from "@tripline/local-stack/processes/patient";
import { resetStack } from "@tripline/local-stack/servers/reset-stack";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import type { ServerListener } from "@tripline/local-stack/servers/supervise-server";
import { SETUP_USER } from "../access/access-rules.js";
import { CONSOLE_NAMES, ControlClient } from "../client/control-client.js";
import { TriplineClient } from "../client/tripline-client.js";
import type { ServiceName } from "../service-environment/service-variables.js";
import type { StepLog } from "../step-log.js";
import type { DemoSecrets } from "./demo-secrets.js";
import { demoSecrets } from "./demo-secrets.js";
import { LocalSecurity } from "./local-security.js";
import type { LocalSystem } from "./local-system.js";
import { announceSystem } from "./local-system.js";
import type { SystemPorts, Topology } from "./plan-services.js";
import {
  DEMO_CLIENT_ID,
  DEMO_SCOPES,
  DEMO_USER_NAME,
  localUrl,
  OPERATOR_CLIENT_ID,
  OPERATOR_SCOPES,
  planServices,
} from "./plan-services.js";
import { planSnapshots, SNAPSHOTS } from "./plan-snapshots.js";
import type { ServicePlan } from "./supervise-services.js";
import { ServiceProcess } from "./supervise-services.js";
import type { Workspace } from "./workspace.js";

export interface SystemOptions {
  readonly workspace: Workspace;
  readonly ports: SystemPorts;
  readonly registryUrl: string;
  /** Initial window state. Without it, every card and terminal is new. */
  readonly statePath?: string;
  /** Initial profiles, as of a certain time. Without them, none are read, and profile features have their defaults. */
  readonly profiles?: { readonly folder: string; readonly untilMs: number };
  readonly eventAgeDaysMax: number;
  readonly scoringWaitMs: number;
  readonly contributionsWaitMs?: number;
  /** Whether the archive service runs and writes to the workspace's lake. */
  readonly isArchived?: boolean;
  /** Whether the console runs. */
  readonly hasConsole?: boolean;
  /** Default: `services`, with one process each. */
  readonly topology?: Topology;
  /** Whether all connections use TLS 1.3, and every service has its own identity with least privilege. */
  readonly isSecure?: boolean;
  /** Number of Kafka brokers; default 1. */
  readonly brokers?: number;
  /** Environment variables for every service, for example with addresses of proxies. They replace the service's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** If given, a server that exits unexpectedly is restarted and reported to this listener. */
  readonly onServer?: ServerListener;
  /**
   * Whether Ctrl-C ends this process and the system immediately. False for a caller that stops the system cleanly.
   * Default: true.
   */
  readonly endOnSignals?: boolean;
  readonly steps: StepLog;
}

/** Timeout for Valkey while history is loaded, because Valkey responds more slowly on a busy machine. */
const ANSWER_MS = 10_000;

export type ServiceAddresses = Readonly<Record<"ingestion" | "features" | "control" | "auth", string>>;

/** A complete Tripline system on this machine. */
export interface RunningSystem {
  readonly apiUrl: string;
  readonly client: TriplineClient;
  /** The console's address, and a user who can sign in. */
  readonly console: { readonly url: string; readonly userName: string; readonly password: string };
  /** The control plane, with the operator's credentials. */
  readonly control: ControlClient;
  /** The console's API for clients, with the operator's credentials. */
  readonly reports: ControlClient;
  /** The authorization server, with the operator's credentials. */
  readonly auth: ControlClient;
  /** Addresses of the services that accept tokens. */
  readonly addresses: ServiceAddresses;
  /** A value for the `Authorization` header. */
  authorization(): Promise<string>;
  readonly kafka: Kafka;
  readonly stack: LocalStack;
  /** Set if the system uses TLS and access control. */
  readonly security: LocalSecurity | undefined;
  /** Its processes, by program name. */
  readonly services: ReadonlyMap<string, ServiceProcess>;
  stop(): Promise<void>;
}

const RECURSIVE = { recursive: true, force: true } as const;

/**
 * Starts Kafka, Valkey and Postgres on empty data, loads the window state, and starts the services.
 *
 * @throws Error in one sentence; everything that was started is stopped again
 */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const { workspace, steps, ports } = options;
  await refuseSecond(workspace);
  const secrets = demoSecrets(workspace.secrets);
  const tlsFolder = join(workspace.directory, "tls");
  const { logs, lake: archived, attachments, anchors } = workspace;
  for (const folder of [logs, archived, attachments, anchors, tlsFolder]) rmSync(folder, RECURSIVE);
  const security =
    options.isSecure === true ? await steps.run("create certificates", () => LocalSecurity.make(tlsFolder)) : undefined;
  const stack = await steps.run("start Kafka, Valkey and Postgres", () => startFreshStack(options, security));
  const services = new Map<string, ServiceProcess>();
  const { statePath, profiles } = options;
  const snapshots = snapshotsOf(options, stack, security);
  const url = (port: number): string => localUrl(port, security !== undefined);
  const [apiUrl, issuer, controlUrl] = [url(ports.ingestion), url(ports.auth), url(ports.control)];
  const consoleUrl = url(ports.console);
  const lake = options.isArchived === true ? { lakeDirectory: workspace.lake } : {};
  const withdraw = announceSystem(workspace, {
    addresses: { ingestion: apiUrl, auth: issuer, control: controlUrl, console: consoleUrl },
    kafkaBrokers: stack.kafkaBrokers,
    ...(security === undefined ? storesOf(stack) : security.operator(stack)),
    ...(statePath === undefined ? {} : { statePath }),
    ...(profiles === undefined ? {} : { profiles }),
    ...lake,
  });
  const stop = async (): Promise<void> => {
    withdraw();
    await Promise.all([...services.values(), ...snapshots].map((service) => service.stop()));
    await stack.stop();
  };
  try {
    const tls = security === undefined ? {} : { security: { tls: security.kafkaTls(SETUP_USER) } };
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "tripline-cli", ...tls });
    await steps.run("create topics", () => createTopics(kafka));
    if (security !== undefined) {
      await steps.run("grant permissions", () => security.giveRights(kafka, stack));
    }
    const access =
      security === undefined ? {} : { accessOf: (service: ServiceName) => security.accessOf(service, stack) };
    const stores = { attachmentsUrl: pathToFileURL(attachments).href, anchorsUrl: pathToFileURL(anchors).href };
    for (const plan of planServices({ ...options, ...stack, ...lake, ...access, ...stores, secrets })) {
      services.set(plan.name, processOf(plan, options));
    }
    // No service needs the loaded data before the first payment.
    await steps.run("start services and load state", () =>
      Promise.all([startTogether(services), loadHistory(options, stack.redisUrl, secrets.cardTokenKey)]),
    );
    for (const worker of snapshots) worker.start();
    const tokenUrl = `${issuer}/oauth/token`;
    const tokens = new AccessTokens({
      tokenUrl,
      clientId: DEMO_CLIENT_ID,
      clientSecret: secrets.clientSecret,
      scope: DEMO_SCOPES,
    });
    await steps.run("get an access token", () => tokens.authorization());
    const client = new TriplineClient(apiUrl, tokens);
    const addresses = { ingestion: apiUrl, auth: issuer, features: url(ports.features), control: controlUrl };
    const console = { url: consoleUrl, userName: DEMO_USER_NAME, password: secrets.demoPassword };
    const operator = operatorClients({ ...addresses, console: consoleUrl }, secrets);
    const authorization = () => tokens.authorization();
    return { apiUrl, client, console, ...operator, addresses, authorization, kafka, stack, security, services, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Clients with the operator's credentials. */
function operatorClients(
  addresses: Pick<LocalSystem["addresses"], "control" | "auth" | "console">,
  { operatorSecret: clientSecret }: DemoSecrets,
): Pick<RunningSystem, "control" | "auth" | "reports"> {
  const tokenUrl = `${addresses.auth}/oauth/token`;
  const operator = new AccessTokens({ tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret, scope: OPERATOR_SCOPES });
  return {
    control: new ControlClient(addresses.control, operator),
    auth: new ControlClient(addresses.auth, operator),
    reports: new ControlClient(addresses.console, operator, undefined, CONSOLE_NAMES),
  };
}

async function createTopics(kafka: Kafka): Promise<void> {
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
}

/** The worker that takes snapshots of the window states; absent without an archive. */
function snapshotsOf(
  options: SystemOptions,
  stack: LocalStack,
  security: LocalSecurity | undefined,
): readonly ServiceProcess[] {
  const { workspace, isArchived, statePath } = options;
  if (isArchived !== true) return [];
  const plan = planSnapshots({
    kafkaBrokers: stack.kafkaBrokers,
    redisUrl: stack.redisUrl,
    lakeDirectory: workspace.lake,
    ...(statePath === undefined ? {} : { statePath: resolve(statePath) }),
    ...(security === undefined ? {} : { access: security.accessOf(SNAPSHOTS, stack) }),
  });
  return [processOf(plan, options)];
}

function processOf(plan: ServicePlan, { workspace, environment }: SystemOptions): ServiceProcess {
  const planned = { ...plan, environment: { ...plan.environment, ...environment } };
  return new ServiceProcess(planned, workspace.logs, resolve(workspace.stack));
}

/**
 * Call this before removing anything from an earlier run. Ends processes that a killed run left behind.
 *
 * @throws TriplineError in one sentence if a system is running in this workspace
 */
export async function refuseSecond(workspace: Workspace): Promise<void> {
  await endLeftovers(resolve(workspace.stack));
}

async function startFreshStack(
  { workspace, ports, brokers = 1, endOnSignals = true, onServer }: SystemOptions,
  security: LocalSecurity | undefined,
): Promise<LocalStack> {
  await resetStack(workspace.stack);
  mkdirSync(workspace.stack, { recursive: true });
  const secure = security === undefined ? {} : { security: security.stack };
  const listener = onServer === undefined ? {} : { onServer };
  const { kafka, redis, postgres, ...services } = ports;
  return startStack({
    directory: workspace.stack,
    ports: { kafka, redis, postgres },
    brokers,
    // The services start later, so Kafka's controller must not use any of their ports.
    reservedPorts: Object.values(services),
    endOnSignals,
    isDurable: false,
    ...secure,
    ...listener,
  });
}

async function loadHistory({ statePath, profiles }: SystemOptions, redisUrl: string, key: string): Promise<void> {
  if (statePath !== undefined) {
    const cardTokenKey = Buffer.from(key, "base64");
    await loadState({ statePath, redisUrl, cardTokenKey, answerMsMax: patient(ANSWER_MS) });
  }
  if (profiles !== undefined) await loadProfiles({ ...profiles, redis: redisUrl, answerMsMax: patient(ANSWER_MS) });
}

async function startTogether(services: ReadonlyMap<string, ServiceProcess>): Promise<void> {
  const { archive, console, ...awaited } = Object.fromEntries(services);
  for (const service of Object.values(awaited)) service.start();
  await Promise.all(Object.values(awaited).map((service) => service.ready()));
  // These services read earlier records from Kafka, so payments do not have to wait for them.
  archive?.start();
  console?.start();
}

function storesOf({ redisUrl, postgresUrl }: { readonly redisUrl: string; readonly postgresUrl: string }) {
  return { redisUrl, postgresUrl };
}
