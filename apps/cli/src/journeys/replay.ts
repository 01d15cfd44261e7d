import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { replayDecisions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { readTopic } from "@tripline/system/ledger/ledger";
import { printReplay } from "../models/replay-report.js";
import { DayPlayer } from "./support/day-player.js";

export interface ReplayJourneyOptions {
  readonly client: Pick<TriplineClient, "decideAll" | "applyLabels">;
  readonly kafka: Kafka;
  /** The folder that archive writes to. */
  readonly lake: string;
  /** The simulation that traffic continues. */
  readonly model: Pick<TrainedModel, "simulation" | "historyEndMs" | "registryUrl">;
  /** Prints each completed step. */
  print(text: string): void;
}

const MS_PER_S = 1_000;

/**
 * A simulated day is decided, archived and replayed from the archive, and every decision is identical, byte for byte.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function replayJourney({ client, kafka, lake, model, print }: ReplayJourneyOptions): Promise<void> {
  const fromMs = Date.now();
  const { payments, labels } = await new DayPlayer(client, model).playDay();
  await awaitArchive(kafka, lake, [TOPICS.features, TOPICS.decisions, TOPICS.labels]);
  print(
    `One day of traffic: ${payments} payments are decided, ${labels} labels are applied, and everything is archived.`,
  );
  const decided = new Set<string>();
  await readTopic(kafka, TOPICS.decisions.name, ({ value }) => {
    const { transactionId, decidedAtMs } = Decision.decode(value);
    if (decidedAtMs >= fromMs) decided.add(transactionId);
  });

  const begunMs = Date.now();
  const range = { lake, fromMs, toMs: begunMs + 1 };
  const report = await replayDecisions({ ...range, registryUrl: model.registryUrl, scorecardFiles: [], threads: 1 });
  const seconds = (Date.now() - begunMs) / MS_PER_S;
  const { rows, identical } = report;
  if (rows !== decided.size || identical !== rows) {
    throw new Error(
      `Of ${decided.size} decisions, ${rows} were replayed, and ${identical} of them were identical byte for byte.`,
    );
  }
  const [lastLine = ""] = printReplay(report).trimEnd().split("\n").slice(-1);
  print(`Each decision is replayed from the archive byte for byte, in ${seconds.toFixed(1)} s.\n${lastLine}`);
}
