import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { checkParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { sendBomb } from "@tripline/kafka/testing/send-bomb";
import { totalCounted } from "@tripline/lake/read/read-counted";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { closeLedger } from "@tripline/system/ledger/ledger";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { ROOT } from "@tripline/system/services/workspace";
import { buildPayment } from "../support/build-payment.js";
import { paymentId } from "../support/payment-id.js";
import { processOf } from "../support/program-of.js";
import type { BusyTraffic } from "./busy-traffic.js";
import type { BusyService } from "./kill-busy.js";
import { killBusy } from "./kill-busy.js";

export interface RecoveryOptions {
  readonly system: RunningSystem;
  readonly lake: string;
  readonly traffic: BusyTraffic;
  print(line: string): void;
}

/**
 * The feature and archive services read the first topic, the decision service also reads the second, and only the
 * feature service reads the last.
 */
const BOMBED = [TOPICS.transactions.name, TOPICS.features.name, TOPICS.labels.name];
const BOMBS_ON_RESULTS = 1;
const DECIDING_KILLS = 3;
const TOPOLOGY = "services";
const WAIT_SECONDS = 25;
const ALONE_MS_MAX = 120_000;

/**
 * One round: services, Postgres and Valkey are killed while they work, unreadable records are written, and a person is
 * erased. Then the window states are rebuilt, and the lake must contain everything that was counted.
 *
 * @param round starts at 1
 * @throws Error in one sentence that names the failed check
 */
export async function recoveryRound(round: number, options: RecoveryOptions): Promise<void> {
  const { system, traffic, lake, print } = options;
  const admin = await system.kafka.admin();
  try {
    await breakThings(options, admin);
  } finally {
    await admin.close();
  }
  await traffic.settle();
  const ledger = await closeLedger(system.kafka, new Set(traffic.sent.map(paymentId)));
  if (ledger.lost.length > 0) throw new Error(`${ledger.lost.length} accepted payments were never decided.`);
  await checkLake(system, lake, round * BOMBS_ON_RESULTS);
  print(await rebuildExactly(system, lake));
  print(`round ${round}: payments=${traffic.sent.length} ${await checkVectors(lake)}`);
}

/** This order of faults once led to a lake from which no rebuild was possible. */
async function breakThings({ system, traffic, print }: RecoveryOptions, admin: KafkaAdmin): Promise<void> {
  const kill = async (service: BusyService): Promise<void> => {
    const left = await killBusy(service, processOf(system, service, TOPOLOGY), { admin, traffic });
    print(`killed ${service} with ${left} unfinished`);
  };
  await kill("features");
  await kill("ingestion");
  for (let times = 0; times < DECIDING_KILLS; times += 1) {
    await kill("decisions");
    await kill("scoring");
  }
  for (const part of [system.stack.postgres, system.stack.redis]) {
    traffic.burst();
    await part.kill();
    await part.start();
  }
  for (const topic of BOMBED) await sendBomb(system.stack.kafkaBrokers, topic);
  await traffic.settle();
  traffic.burst();
  // A person with a single payment, because after an erasure, the lake alone is not sufficient to reproduce the
  // features of later payments.
  const [decision] = await system.client.decideAll([buildPayment()], WAIT_SECONDS);
  if (decision === undefined) throw new Error("The payment of the person to be erased was not decided.");
  await system.control.call("POST", "/v1/erasures", { body: { subject: decision.card_token } });
}

type Servers = Pick<RunningSystem, "kafka" | "stack">;

/**
 * Waits until the lake contains every record of the topics.
 *
 * @param unreadable the number of records on result topics that no reader can decode
 * @throws Error if any other result is missing from the lake
 */
export async function checkLake({ kafka }: Servers, lake: string, unreadable = 0): Promise<void> {
  await awaitArchive(kafka, lake, [TOPICS.features, TOPICS.appliedLabels, TOPICS.transactions, TOPICS.labels]);
  const { missing } = await totalCounted(lake);
  if (missing !== unreadable) {
    throw new Error(`${missing} results are not in the lake, and ${unreadable} records cannot be read.`);
  }
}

/** @returns a summary of the comparison. @throws Error if a vector in the lake cannot be reproduced */
export async function checkVectors(lake: string): Promise<string> {
  const { mismatches, stuck, rows } = await checkParity({ engine: compileEngine(currentFeatureSpec()), lake });
  if (mismatches + stuck > 0)
    throw new Error(`${mismatches} values of ${rows} vectors differ, ${stuck} cannot be computed.`);
  return `vectors=${rows} mismatches=0`;
}

/** Rebuilds the window states. @returns the command's last line. @throws Error unless the rebuilt states are exact */
export async function rebuildExactly({ stack: { kafkaBrokers, redisUrl } }: Servers, lake: string): Promise<string> {
  const flags = ["--lake", lake, "--kafka", kafkaBrokers.join(","), "--redis", redisUrl];
  const main = join(ROOT, "apps", "cli", "dist", "main.js");
  const stdout = await runAlone([main, "rebuild-state", ...flags]);
  if (!stdout.includes("flagged=0") || stdout.includes("was counted, but its result")) {
    throw new Error(`The rebuild was not exact: ${stdout}`);
  }
  return stdout.trimEnd().split("\n").at(-1) ?? "";
}

/** After a loss, the system's worker also restores the states, and only one of the two can run at a time. */
async function runAlone(command: readonly string[]): Promise<string> {
  const deadlineMs = Date.now() + ALONE_MS_MAX;
  for (;;) {
    try {
      return (await promisify(execFile)(process.execPath, command)).stdout;
    } catch (error) {
      if (!String(Reflect.get(Object(error), "stderr")).includes("another run") || Date.now() > deadlineMs) throw error;
      await delay(1_000);
    }
  }
}
