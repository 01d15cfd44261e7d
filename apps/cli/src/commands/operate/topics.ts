import { asTriplineError } from "@tripline/contracts/error-table";
import { ALL_TOPICS } from "@tripline/contracts/topics";
import { waitVisibly } from "@tripline/service-kit/kafka/wait-visibly";
import type { SystemKafka } from "@tripline/system/client/connect-system";
import { kafkaFrom } from "@tripline/system/client/connect-system";
import { Command } from "commander";
import { durationMs } from "../parse-duration.js";

const POLL_MS = 1_000;

/** `tripline topics`: a job that runs before the services of an installation start. */
export function topicsCommand(): Command {
  return new Command("topics")
    .description("wait for the Kafka that KAFKA_BROKERS names, and create the topics that are missing there")
    .option("--timeout <duration>", "how long to wait for Kafka", "2m")
    .action(async ({ timeout }: { readonly timeout: string }) => {
      await ensureTopics(kafkaFrom(process.env), durationMs(timeout), (line) => process.stderr.write(`${line}\n`));
    });
}

/** @throws Error in one sentence when Kafka cannot be had within `timeoutMs` */
export async function ensureTopics(
  { kafka, brokers }: SystemKafka,
  timeoutMs: number,
  say: (line: string) => void,
): Promise<void> {
  const admin = await kafka.admin();
  try {
    await waitVisibly(() => admin.ensureTopics(), {
      what: `Kafka at ${brokers}`,
      timeoutMs,
      pollMs: POLL_MS,
      mayPass: (error) => asTriplineError(error).code === "kafka-unavailable",
      remedy: "Set KAFKA_BROKERS (kafka.bootstrapServers of the chart) to brokers that can be reached from here.",
      say,
    });
  } finally {
    await admin.close();
  }
  say(`${ALL_TOPICS.length} topics are there`);
}
