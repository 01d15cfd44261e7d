import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { REPOSITORY_ROOT } from "../locate-tools.js";
import { endLeftovers } from "../processes/end-leftovers.js";
import { findFreePorts } from "../processes/find-free-ports.js";
import type { ProcessPlan } from "../processes/managed-process.js";
import { ManagedProcess } from "../processes/managed-process.js";
import { endOnSignals } from "../processes/track-children.js";
import { isKafkaProvisioned, provisionKafka } from "../provision/provision-kafka.js";
import { isValkeyProvisioned, provisionValkey } from "../provision/provision-valkey.js";
import type { StackSecurity } from "../security/stack-security.js";
import type { TlsFront } from "../security/tls-front.js";
import { startTlsFront } from "../security/tls-front.js";
import { openDirectory } from "./locate-postgres.js";
import type { KafkaExtras, KafkaNode } from "./plan-kafka.js";
import { kafkaTitle, planKafka } from "./plan-kafka.js";
import { planPostgres, postgresUrl } from "./plan-postgres.js";
import { planRedis } from "./plan-redis.js";
import type { ServerListener } from "./supervise-server.js";
import { superviseServer } from "./supervise-server.js";

export type PartName = "kafka" | "redis" | "postgres";

export interface StackPart {
  /** Requests a shutdown, and kills the server on timeout. */
  stop(): Promise<void>;
  /** SIGKILL, as in a crash. */
  kill(): Promise<void>;
  /** Restarts it with the same port and data. Resolves once it is ready. */
  start(): Promise<void>;
}

export interface LocalStack {
  readonly kafkaBrokers: string[];
  readonly redisUrl: string;
  readonly postgresUrl: string;
  /** All brokers together. */
  readonly kafka: StackPart;
  /** Each broker, in the order of `kafkaBrokers`. */
  readonly brokers: readonly StackPart[];
  readonly redis: StackPart;
  readonly postgres: StackPart;
  /** CPU time of the TLS proxy for Valkey, in milliseconds; 0 without TLS. */
  redisTlsCpuMs(): Promise<number>;
  stop(): Promise<void>;
}

export interface StackStep {
  readonly name: string;
  readonly state: "start" | "done";
  readonly durationMs?: number;
}

export interface StackOptions {
  /** Contains data, logs and process records. Only one stack at a time can use the directory. */
  readonly directory: string;
  /** 0 or absent: a free port. */
  readonly ports?: { readonly kafka?: number; readonly redis?: number; readonly postgres?: number };
  /** Number of Kafka brokers. With three, every record has three copies, two of which must be written. Default: 1. */
  readonly brokers?: number;
  /** Ports of other servers, which may not be running yet. The stack does not use these ports. */
  readonly reservedPorts?: readonly number[];
  /** The servers to start. Default: all three. An omitted server also gets an address, and can be started later. */
  readonly parts?: readonly PartName[];
  readonly onStep?: (step: StackStep) => void;
  /** False for tests, in which speed is more important than surviving power failures. Default: true. */
  readonly isDurable?: boolean;
  /**
   * Whether Ctrl-C immediately ends this process and the stack. False for a caller that ends both in its own order.
   * Default: true.
   */
  readonly endOnSignals?: boolean;
  /** If given, a server that ends unexpectedly is restarted, and the listener is notified. */
  readonly onServer?: ServerListener;
  /** If given, the servers accept only TLS and require authentication. */
  readonly security?: StackSecurity;
  /** For tests. */
  readonly kafkaExtras?: KafkaExtras;
  /** For tests. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
}

/**
 * Starts Kafka, Valkey and Postgres in parallel as local processes on 127.0.0.1. Missing programs are downloaded first.
 * Processes left by an earlier run in this directory are ended first. No server outlives this process unless this
 * process is killed; the next run then ends them.
 */
export async function startStack(options: StackOptions): Promise<LocalStack> {
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  openDirectory(directory);
  await endLeftovers(directory);
  if (options.endOnSignals !== false) endOnSignals();
  const ports = await choosePorts(options.ports ?? {}, options);
  const timed = timer(options.onStep ?? (() => {}));
  const parts = describeParts(directory, ports, options, timed);
  const stop = async () => {
    await Promise.all(Object.values(parts).map((part) => part.stop()));
  };
  const started = await Promise.allSettled((options.parts ?? PART_NAMES).map((name) => parts[name].start()));
  const failed = started.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return {
    kafkaBrokers: ports.kafka.map(({ port }) => `127.0.0.1:${port}`),
    redisUrl: redisUrl(ports.redis, options.security),
    postgresUrl: postgresUrl(directory, ports.postgres),
    kafka: parts.kafka,
    brokers: parts.kafka.brokers,
    redis: parts.redis,
    postgres: parts.postgres,
    redisTlsCpuMs: async () => (await parts.redis.tlsCpuMs?.()) ?? 0,
    stop,
  };
}

function redisUrl(port: number, security: StackSecurity | undefined): string {
  if (security === undefined) return `redis://127.0.0.1:${port}`;
  const { user, password } = security.redisSetup;
  return `rediss://${user}:${password}@127.0.0.1:${port}`;
}

const PART_NAMES: readonly PartName[] = ["kafka", "redis", "postgres"];

interface Ports {
  readonly kafka: readonly KafkaNode[];
  readonly redis: number;
  /** Port of Valkey itself, behind the TLS proxy. */
  readonly redisBehind: number;
  readonly postgres: number;
}

async function choosePorts(
  wanted: NonNullable<StackOptions["ports"]>,
  { brokers = 1, reservedPorts = [] }: StackOptions,
): Promise<Ports> {
  const [redis = 0, postgres = 0, redisBehind = 0, ...others] = await findFreePorts(3 + 2 * brokers, {
    reserved: [...reservedPorts, ...Object.values(wanted)],
  });
  const kafka = Array.from({ length: brokers }, (_, index) => {
    const [port = 0, controllerPort = 0] = others.slice(2 * index);
    return { port: (index === 0 && wanted.kafka) || port, controllerPort };
  });
  return { kafka, redis: wanted.redis || redis, redisBehind, postgres: wanted.postgres || postgres };
}

type Timed = <T>(name: string, work: () => Promise<T>) => Promise<T>;

function timer(onStep: (step: StackStep) => void): Timed {
  return async (name, work) => {
    onStep({ name, state: "start" });
    const startedMs = performance.now();
    const result = await work();
    onStep({ name, state: "done", durationMs: Math.round(performance.now() - startedMs) });
    return result;
  };
}

function describeParts(
  directory: string,
  ports: Ports,
  { isDurable = true, kafkaExtras = {}, postgresSettings = {}, security, onServer }: StackOptions,
  timed: Timed,
): Record<PartName, StackPart> & { readonly redis: RedisPart; readonly kafka: KafkaPart } {
  const root = REPOSITORY_ROOT;
  const planOfKafka = async (index: number) => {
    const fetch = () => provisionKafka(root);
    const program = isKafkaProvisioned(root) ? await fetch() : await timed("Download Kafka", fetch);
    return planKafka({ directory, program, nodes: ports.kafka, index, extras: kafkaExtras, security });
  };
  const planOfRedis = async () => {
    const fetch = () => provisionValkey(root);
    const server = isValkeyProvisioned(root) ? await fetch() : await timed("Install Valkey", fetch);
    const port = security === undefined ? ports.redis : ports.redisBehind;
    return planRedis({ directory, server, port, users: security?.redisUsers });
  };
  const make = { timed, onServer };
  const redis = makePart({ name: "redis", title: "Valkey" }, planOfRedis, make);
  const brokers = ports.kafka.map((_, index) =>
    makePart({ name: "kafka", title: kafkaTitle(ports.kafka, index) }, () => planOfKafka(index), make),
  );
  return {
    kafka: together(brokers),
    redis: security === undefined ? redis : behindTls(redis, ports, security),
    postgres: makePart(
      { name: "postgres", title: "Postgres" },
      () => planPostgres({ directory, port: ports.postgres, isDurable, settings: postgresSettings, security }),
      make,
    ),
  };
}

interface KafkaPart extends StackPart {
  readonly brokers: readonly StackPart[];
}

function together(brokers: readonly StackPart[]): KafkaPart {
  const each = (does: (broker: StackPart) => Promise<void>) => async () => {
    await Promise.all(brokers.map(does));
  };
  return {
    brokers,
    start: each((broker) => broker.start()),
    stop: each((broker) => broker.stop()),
    kill: each((broker) => broker.kill()),
  };
}

interface RedisPart extends StackPart {
  readonly tlsCpuMs?: () => Promise<number>;
}

function behindTls(part: StackPart, ports: Ports, { identities: { redis: identity } }: StackSecurity): RedisPart {
  let front: TlsFront | undefined;
  const open = async () => {
    front ??= await startTlsFront({ port: ports.redis, serverPort: ports.redisBehind, identity });
  };
  return {
    start: async () => {
      await part.start();
      await open();
    },
    stop: async () => {
      await front?.close();
      front = undefined;
      await part.stop();
    },
    kill: () => part.kill(),
    tlsCpuMs: async () => (await front?.cpuMs()) ?? 0,
  };
}

function makePart(
  server: { readonly name: PartName; readonly title: string },
  plan: () => Promise<ProcessPlan>,
  { timed, onServer }: { readonly timed: Timed; readonly onServer: ServerListener | undefined },
): StackPart {
  let running: ManagedProcess | undefined;
  const open = async () => {
    const opened = new ManagedProcess(await plan());
    if (onServer !== undefined) superviseServer(opened, server, onServer);
    return opened;
  };
  return {
    start: () =>
      timed(`Start ${server.title}`, async () => {
        running ??= await open();
        await running.start();
      }),
    stop: async () => running?.stop(),
    kill: async () => running?.kill(),
  };
}
