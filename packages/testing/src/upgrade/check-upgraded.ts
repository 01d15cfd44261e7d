import { fetchLog } from "@tripline/cli/commands/audit/read-log";
import { verify } from "@tripline/cli/commands/audit/verify";
import { eraseJourney } from "@tripline/cli/journeys/erase";
import { ALL_TOPICS, isDeadLetterTopic } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import { PolicyClient } from "@tripline/system/client/policy-client";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import { settledLedger } from "@tripline/system/ledger/ledger";
import type { RunningSystem } from "@tripline/system/services/run-system";
import type { BusyTraffic } from "../faults/busy-traffic.js";
import { checkLake, checkVectors, rebuildExactly } from "../faults/recovery.js";
import { buildPayment } from "../support/build-payment.js";
import { paymentId } from "../support/payment-id.js";
import type { Traces } from "./leave-traces.js";

export interface UpgradedSystem {
  /** The system's addresses and servers. At these addresses, this build's services are now running. */
  readonly old: RunningSystem;
  readonly traces: Traces;
  readonly kafka: Kafka;
  readonly lake: string;
  readonly traffic: readonly BusyTraffic[];
  print(line: string): void;
}

const WAIT_SECONDS = 25;

/** @throws Error with one sentence about the check that failed */
export async function checkUpgraded(upgraded: UpgradedSystem): Promise<void> {
  const { old, traces, kafka, lake, traffic, print } = upgraded;
  // Uses this build's client, because the other build's client may represent the same decision differently.
  const client = new TriplineClient(old.apiUrl, old);
  print(await settledLedger(kafka, new Set(traffic.flatMap(({ sent }) => sent.map(paymentId)))));
  await checkDecisions(traffic, client, print);
  await checkTraces(upgraded, client);
  await checkNoDeadLetters(kafka);
  const system = { kafka, stack: old.stack };
  await checkLake(system, lake);
  print(await checkVectors(lake));
  await eraseJourney({ client, control: old.control, kafka, person: traces.person, print });
  await checkLake(system, lake);
  print(await rebuildExactly(system, lake));
  print("The upgrade lost nothing.");
}

async function checkDecisions(
  traffic: readonly BusyTraffic[],
  client: TriplineClient,
  print: (line: string) => void,
): Promise<void> {
  const rungs = new Map<string, number>();
  for (const { decisions } of traffic) {
    for (const { rung } of decisions.values()) rungs.set(rung, (rungs.get(rung) ?? 0) + 1);
  }
  print(`Decided by ${[...rungs].map(([rung, count]) => `${rung}: ${count}`).join(", ")}.`);
  // The scorecard is used while the scoring service is replaced. No payment may fall back further.
  if (rungs.has("static_policy")) throw new Error("Payments got the default decision.");
  // Scores may differ in precision, including scores in the text of a reason. Earlier versions have no fallback_level.
  const withoutScore = ({ score: _, fallback_level: _level, reasons, ...decision }: ApiDecision) => ({
    ...decision,
    reasons: reasons.map(({ text: _text, ...reason }) => reason),
  });
  for (const one of traffic) {
    const changed = await one.retryAll(withoutScore, client);
    if (changed.length > 0)
      throw new Error(`${changed.length} retries got a different decision; the first is ${changed[0]}.`);
  }
  print("Every retry got its first decision.");
}

async function checkTraces(
  { old, traces: { terminalId, policy } }: UpgradedSystem,
  client: TriplineClient,
): Promise<void> {
  const policies = new PolicyClient(old.control);
  const { in_force } = await policies.status();
  if (in_force?.revision !== policy.revision) throw new Error(`Revision ${policy.revision} is no longer in force.`);
  const { text } = await policies.revision(policy.revision);
  if (text !== policy.text) throw new Error(`Revision ${policy.revision} has a different text.`);
  const [decision] = await client.decideAll([buildPayment({ terminalId })], WAIT_SECONDS);
  if (decision?.outcome !== "decline")
    throw new Error("A payment at a terminal on the deny list is no longer declined.");
  await verify(await fetchLog(old.control), []);
}

async function checkNoDeadLetters(kafka: Kafka): Promise<void> {
  const admin = await kafka.admin();
  try {
    for (const { name } of ALL_TOPICS.filter((topic) => isDeadLetterTopic(topic.name))) {
      const letters = [...(await admin.endOffsets(name)).values()].reduce((total, end) => total + end, 0);
      if (letters > 0) throw new Error(`${name} contains ${letters} dead letters.`);
    }
  } finally {
    await admin.close();
  }
}
