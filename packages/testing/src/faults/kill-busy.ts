import { setTimeout as delay } from "node:timers/promises";
import { ARCHIVE_GROUP } from "@tripline/archive/writing/topic-archives";
import { TOPICS } from "@tripline/contracts/topics";
import { DECISIONS_GROUP } from "@tripline/decisions/deciding/batch-decider";
import { FEATURES_GROUP } from "@tripline/features/states/state-completeness";
import type { KafkaAdmin } from "@tripline/kafka/port";
import type { BusyTraffic } from "./busy-traffic.js";

/** Services on the path of a payment. */
export const BUSY_SERVICES = ["archive", "decisions", "features", "ingestion", "scoring"] as const;
export type BusyService = (typeof BUSY_SERVICES)[number];

/** Minimum number of pending records for a process to be killed. */
const PENDING_MIN = 10;
/** Maximum number of bursts until a process is caught while it has work. */
const BURSTS_MAX = 20;
const DEADLINE_MS = 180_000;
/** Time for a broker to handle the last requests of a killed process. */
const LAST_REQUEST_MS = 50;

interface Victim {
  kill(): void;
}

interface BusySystem {
  readonly admin: Pick<KafkaAdmin, "endOffsets" | "committedOffsets">;
  readonly traffic: BusyTraffic;
}

/**
 * Kills a process while it has work: sends a burst, waits until the service has unfinished work, and kills it at that
 * moment.
 *
 * @returns the amount of work left unfinished: open requests for ingestion, or uncommitted records for the other
 *   services
 * @throws Error if the process never had any work
 */
export async function killBusy(service: BusyService, victim: Victim, system: BusySystem): Promise<number> {
  const { traffic } = system;
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (let bursts = 0; bursts < BURSTS_MAX && performance.now() < deadlineMs; bursts += 1) {
    const work = service === "ingestion" ? await openRequests(system) : await openRecords(service, system);
    traffic.burst();
    while (traffic.openRequests > 0 && performance.now() < deadlineMs) {
      if (!(await work.isPending())) continue;
      victim.kill();
      await delay(LAST_REQUEST_MS);
      const left = await work.left();
      if (left > 0) return left;
      break;
    }
  }
  throw new Error(`${service} never had any work`);
}

interface Work {
  isPending(): Promise<boolean>;
  /** Call this after the kill. */
  left(): Promise<number>;
}

/** Requests with payments that ingestion has started to accept, and which no other process can answer. */
async function openRequests({ admin, traffic }: BusySystem): Promise<Work> {
  const accepted = async () => sum(await admin.endOffsets(TOPICS.transactions.name));
  const before = await accepted();
  return {
    isPending: async () => (await accepted()) > before,
    left: async () => traffic.openRequests,
  };
}

/**
 * Records of one topic, and the group that consumes them. For the scoring service, this is the group of the decision
 * service, which waits for its scores.
 */
async function openRecords(service: Exclude<BusyService, "ingestion">, { admin }: BusySystem): Promise<Work> {
  const [group, { name }] = WORK[service];
  let given = new Map<number, number>();
  const left = async () => {
    const committed = await admin.committedOffsets(group, name);
    return [...given].reduce(
      (total, [partition, end]) => total + Math.max(0, end - (committed.get(partition) ?? 0)),
      0,
    );
  };
  return {
    async isPending() {
      given = new Map(await admin.endOffsets(name));
      return (await left()) >= PENDING_MIN;
    },
    left,
  };
}

const WORK = {
  archive: [ARCHIVE_GROUP, TOPICS.features],
  decisions: [DECISIONS_GROUP, TOPICS.features],
  features: [FEATURES_GROUP, TOPICS.transactions],
  scoring: [DECISIONS_GROUP, TOPICS.features],
} as const;

function sum(offsets: ReadonlyMap<number, number>): number {
  return [...offsets.values()].reduce((total, offset) => total + offset, 0);
}
