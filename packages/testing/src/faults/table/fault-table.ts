import { setTimeout as delay } from "node:timers/promises";
import { TOPICS } from "@tripline/contracts/topics";
import { sendBomb } from "@tripline/kafka/testing/send-bomb";
import type { StackPart } from "@tripline/local-stack/servers/start-stack";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import type { RunningSystem } from "@tripline/system/services/run-system";
import type { BusyService } from "../kill-busy.js";
import type { Answer } from "./steady-traffic.js";

export interface FaultTools {
  readonly system: RunningSystem;
  /** Kills a service while it has uncommitted work. */
  killBusy(service: BusyService): Promise<void>;
  /** The process that runs a service. */
  processOf(service: ServiceName): { readonly pid: number | undefined; kill(): void };
}

export interface Fault {
  readonly id: string;
  readonly title: string;
  /** The expected verdict, written before the first run: the worst first response that this fault may cause. */
  readonly worst: Answer;
  /** Causes the fault and, unless the system recovers by itself, ends it. */
  cause(tools: FaultTools): Promise<void>;
}

const PAUSE_MS = 20_000;
const DOWN_MS = 10_000;

const crash =
  (service: BusyService) =>
  ({ killBusy }: FaultTools): Promise<void> =>
    killBusy(service);

const kill =
  (service: ServiceName) =>
  async ({ processOf }: FaultTools): Promise<void> =>
    processOf(service).kill();

const pause =
  (service: ServiceName) =>
  async ({ processOf }: FaultTools): Promise<void> => {
    const { pid } = processOf(service);
    if (pid === undefined) throw new Error(`The service ${service} is not running.`);
    process.kill(pid, "SIGSTOP");
    await delay(PAUSE_MS);
    process.kill(pid, "SIGCONT");
  };

const stopFor =
  (partsOf: (system: RunningSystem) => readonly StackPart[]) =>
  async ({ system }: FaultTools): Promise<void> => {
    const parts = partsOf(system);
    await Promise.all(parts.map((part) => part.kill()));
    await delay(DOWN_MS);
    await Promise.all(parts.map((part) => part.start()));
  };

/** Kills one broker after another, so that every partition's leader and the controller are included. */
async function killEachBroker({ system }: FaultTools): Promise<void> {
  for (const broker of system.stack.brokers) {
    await broker.kill();
    await delay(DOWN_MS);
    await broker.start();
    await delay(DOWN_MS);
  }
}

/** The faults that run on one machine without root. Published with their verdicts in docs/reliability.md. */
export const FAULTS: readonly Fault[] = [
  { id: "F1", title: "kill -9 in mid-batch: ingestion", worst: "refused", cause: crash("ingestion") },
  { id: "F2", title: "kill -9 in mid-batch: features", worst: "pending", cause: crash("features") },
  { id: "F3", title: "kill -9 in mid-batch: scoring", worst: "pending", cause: crash("scoring") },
  { id: "F4", title: "kill -9 in mid-batch: decisions", worst: "pending", cause: crash("decisions") },
  { id: "F5", title: "kill -9: auth", worst: "refused", cause: kill("auth") },
  { id: "F6", title: "kill -9: control", worst: "model", cause: kill("control") },
  { id: "F7", title: "kill -9: console", worst: "model", cause: kill("console") },
  { id: "F8", title: "kill -9 in mid-batch: archive", worst: "model", cause: crash("archive") },
  { id: "F9", title: "SIGSTOP for 20 s: features", worst: "pending", cause: pause("features") },
  { id: "F9b", title: "SIGSTOP for 20 s: decisions", worst: "pending", cause: pause("decisions") },
  {
    id: "F13",
    title: "Valkey: kill -9 for 10 s",
    worst: "refused",
    cause: stopFor(({ stack }) => [stack.redis]),
  },
  {
    id: "F18",
    title: "Postgres: kill -9 for 10 s",
    worst: "model",
    cause: stopFor(({ stack }) => [stack.postgres]),
  },
  { id: "F21", title: "Kafka: each of three brokers killed for 10 s", worst: "refused", cause: killEachBroker },
  {
    id: "F23",
    title: "Kafka: two of three brokers killed for 10 s",
    worst: "refused",
    cause: stopFor(({ stack }) => stack.brokers.slice(0, 2)),
  },
  {
    id: "F25",
    title: "Kafka: a record that decompresses to 20 MB",
    worst: "pending",
    cause: ({ system }) => sendBomb(system.stack.kafkaBrokers, TOPICS.transactions.name),
  },
];
