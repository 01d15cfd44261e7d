import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { awaitLedger } from "@tripline/system/ledger/ledger";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import type { Topology } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { paymentId } from "../../support/payment-id.js";
import { processOf } from "../../support/program-of.js";
import type { BusyTraffic } from "../busy-traffic.js";
import { killBusy } from "../kill-busy.js";
import { SIGNAL } from "./causes/inner-fault.js";
import type { Fault, FaultTools } from "./fault.js";
import type { Answer, SteadyTraffic } from "./steady-traffic.js";
import { ANSWERS } from "./steady-traffic.js";

/** The system has recovered if, for this long, all responses come from the model. */
const QUIET_MS = 5_000;
const NORMAL_MS_MAX = 120_000;
const POLL_MS = 500;
/** Time for a service to read which fault to cause. */
const READ_MS = 200;

export interface FaultRun extends Pick<FaultTools, "registry" | "lake" | "valkey" | "scoring"> {
  readonly system: RunningSystem;
  /** Tells a service which fault to cause inside its process. */
  readonly innerFaultFile: string;
  readonly admin: KafkaAdmin;
  readonly topology: Topology;
  readonly steady: SteadyTraffic;
  /** Additional bursts of payments, so that a service has work when it is killed. */
  readonly bursts: BusyTraffic;
}

export interface FaultResult {
  readonly line: string;
  readonly lost: number;
  readonly duplicated: number;
  /** Whether the row differs from its verdict. */
  readonly isUnexpected: boolean;
}

/** Causes one fault under traffic, waits until the system is normal again, and compares the result with the verdict. */
export async function runFault(fault: Fault, run: FaultRun): Promise<FaultResult> {
  const { steady, bursts, system } = run;
  const startMs = performance.now();
  const missed = await fault.cause(toolsOf(run)).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const normalMs = await awaitNormal(steady, startMs);
  await bursts.settle();
  const ledger = await awaitLedger(system.kafka, new Set([...steady.accepted, ...bursts.sent.map(paymentId)]));
  const first = steady.since(startMs);
  const count = (answer: Answer): number => first.filter((sent) => sent.answer === answer).length;
  const seen = ANSWERS.filter((answer) => count(answer) > 0).at(-1) ?? "refused";
  const [lost, duplicated] = [ledger.lost.length + steady.abandoned, ledger.contradicted.length];
  const isTooBad = ANSWERS.indexOf(seen) > ANSWERS.indexOf(fault.worst);
  const isUnexpected = isTooBad || missed !== undefined || normalMs === undefined || lost > 0 || duplicated > 0;
  const normal = normalMs === undefined ? "never" : `${(normalMs / 1_000).toFixed(1)}s`;
  const answers = ANSWERS.map((answer) => `${answer}=${count(answer)}`).join(" ");
  const codes = [...new Set(first.flatMap(({ code }) => code ?? []))].join(", ");
  const why = missed ?? `at worst ${fault.worst}; refusals: ${codes || "none"}`;
  const verdict = isUnexpected ? `UNEXPECTED (${why})` : "as expected";
  const line = `${fault.id} ${fault.title} (${run.topology}): ${answers} normal_after=${normal} accepted=${ledger.accepted} lost=${lost} duplicated=${duplicated} ${verdict}`;
  return { line, lost, duplicated, isUnexpected };
}

function toolsOf(run: FaultRun): FaultTools {
  const { system, admin, topology, bursts, innerFaultFile } = run;
  const find = (service: ServiceName) => processOf(system, service, topology);
  return {
    ...run,
    processOf: find,
    burst: () => bursts.burst(),
    async killBusy(service) {
      await killBusy(service, find(service), { admin, traffic: bursts });
    },
    async causeInside(service, inner) {
      await writeFile(innerFaultFile, JSON.stringify(inner));
      const { pid } = find(service);
      if (pid === undefined) throw new Error(`The service ${service} is not running.`);
      process.kill(pid, SIGNAL);
      await delay(READ_MS);
    },
  };
}

/** @returns milliseconds from the start to the last abnormal response; undefined if the system stays abnormal */
export async function awaitNormal(steady: SteadyTraffic, startMs: number): Promise<number | undefined> {
  const deadlineMs = performance.now() + NORMAL_MS_MAX;
  for (const causedMs = performance.now(); performance.now() < deadlineMs; await delay(POLL_MS)) {
    const sent = steady.since(startMs);
    const lastAbnormalMs = sent.findLast(({ answer }) => answer !== "model")?.sentMs ?? startMs;
    const lastMs = sent.findLast(({ answer }) => answer === "model")?.sentMs ?? startMs;
    if (lastMs - Math.max(causedMs, lastAbnormalMs) > QUIET_MS) return lastAbnormalMs - startMs;
  }
  return undefined;
}
