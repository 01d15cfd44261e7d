import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { FEATURE_SOURCES } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import { DECISIONS_GROUP } from "@tripline/decisions/deciding/batch-decider";
import { FEATURES_GROUP } from "@tripline/features/states/state-completeness";
import { deleteTopics } from "@tripline/local-stack/testing/request-topics";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import type { FaultTools } from "../fault.js";
import { DOWN_MS } from "../fault.js";

const REBALANCES = 10;
const BETWEEN_MS = 500;
const UPDATES = 50;
const WITHIN_MS = 60_000;
const POLL_MS = 1_000;

/** Kills one broker after another, so that every partition's leader and the active controller are included. */
export async function killEachBroker({ system }: FaultTools): Promise<void> {
  for (const broker of system.stack.brokers) {
    await broker.kill();
    await delay(DOWN_MS);
    await broker.start();
    await delay(DOWN_MS);
  }
}

/** Repeatedly, another consumer joins the consumer groups on a payment's path, handles nothing, and leaves. */
export async function stormGroups({ system }: FaultTools): Promise<void> {
  const handle = () => Promise.reject(new TriplineError("service-unavailable", "This consumer handles nothing."));
  const groups = [
    { group: FEATURES_GROUP, topics: FEATURE_SOURCES.map((source) => TOPICS[source].name) },
    { group: DECISIONS_GROUP, topics: [TOPICS.features.name] },
  ];
  for (let count = 0; count < REBALANCES; count += 1) {
    const members = await Promise.all(groups.map((each) => system.kafka.consume({ ...each, handle, onStop() {} })));
    await Promise.all(members.map(({ ready }) => ready));
    await Promise.all(members.map((member) => member.close()));
    await delay(BETWEEN_MS);
  }
}

/**
 * Deletes a topic before its last records are archived, and recreates it. These records are lost, and new records reuse
 * their offsets. Therefore, the archive must report the topic by name instead of continuing.
 */
export async function deleteTopic({ system, lake }: FaultTools): Promise<void> {
  const { name } = TOPICS.paymentUpdates;
  await sendUpdates(system, "archived");
  await awaitArchive(system.kafka, lake, [TOPICS.paymentUpdates]);
  await sendUpdates(system, "deleted");
  await deleteTopics(system.stack.kafkaBrokers, [name]);
  await delay(DOWN_MS);
  const admin = await system.kafka.admin();
  await admin.ensureTopics().finally(() => admin.close());
  await sendUpdates(system, "new");
  const isNamed = async () => (await archiveReport(system)).includes(name);
  await within(isNamed, `The archive does not name the deleted topic ${name}.`);
}

async function archiveReport({ services }: FaultTools["system"]): Promise<string> {
  const response = await fetch(`${services.get("archive")?.plan.url}/health/ready`);
  return response.text();
}

/** Retries, because ingestion may not know the new topic yet. */
async function sendUpdates({ client }: FaultTools["system"], id: string): Promise<void> {
  const updates = Array.from({ length: UPDATES }, (_, number) => ({
    transaction_id: `fault-${number}`,
    update_id: id,
    card: { token: `ct_${String(number).padStart(32, "0")}` },
    kind: "authorised" as const,
    occurred_at: new Date().toISOString(),
  }));
  await within(
    () =>
      client.sendUpdates(updates).then(
        () => true,
        () => false,
      ),
    "Ingestion accepts no payment updates.",
  );
}

/** Waits until a condition is true. @throws Error with the sentence if the condition is not true in time */
async function within(isSo: () => Promise<boolean>, sentence: string): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(sentence);
    await delay(POLL_MS);
  }
}
