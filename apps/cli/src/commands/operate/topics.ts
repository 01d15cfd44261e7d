import { asTriplineError } from "@tripline/contracts/error-table";
import { ALL_TOPICS, PARTITIONS_DEFAULT } from "@tripline/contracts/topics";
import { waitVisibly } from "@tripline/stores/wait-visibly";
import { readAccessRules } from "@tripline/system/access/access-rules";
import { applyAccess } from "@tripline/system/access/apply-access";
import { readPasswords } from "@tripline/system/access/make-access";
import type { SystemKafka } from "@tripline/system/client/connect-system";
import { accessTargetsFrom, kafkaFrom } from "@tripline/system/client/connect-system";
import { Command } from "commander";
import { positiveNumber } from "../number-options.js";
import { durationMs } from "../parse-duration.js";

interface TopicsFlags {
  readonly timeout: string;
  readonly partitions: number;
  readonly access?: string;
}

type Say = (line: string) => void;
type Environment = Readonly<Record<string, string | undefined>>;

const POLL_MS = 1_000;

/** `tripline topics`: a setup job that runs before the services of an installation start. */
export function topicsCommand(): Command {
  return new Command("topics")
    .description("wait for Kafka at KAFKA_BROKERS and create missing topics")
    .option("--timeout <duration>", "maximum wait for Kafka", "2m")
    .option(
      "--partitions <number>",
      "number of partitions of new topics, except those with only one; existing topics keep their number",
      positiveNumber,
      PARTITIONS_DEFAULT,
    )
    .option(
      "--access <passwords>",
      "folder with one password file per user; also grant each service its permissions from infra/access.yaml, on Kafka if " +
        "KAFKA_CERT_FILE is set, and on the systems at REDIS_URL and POSTGRES_URL",
    )
    .action(async ({ timeout, partitions, access }: TopicsFlags) => {
      const say: Say = (line) => process.stderr.write(`${line}\n`);
      await ensureTopics(kafkaFrom(process.env), { timeoutMs: durationMs(timeout), partitions }, say);
      if (access !== undefined) await giveAccess(access, process.env, say);
    });
}

interface TopicsOptions {
  readonly timeoutMs: number;
  /** Number of partitions of new topics. */
  readonly partitions: number;
}

/** @throws Error in one sentence if Kafka is not available within `timeoutMs` */
export async function ensureTopics(
  { kafka, brokers }: SystemKafka,
  { timeoutMs, partitions }: TopicsOptions,
  say: Say,
): Promise<void> {
  const admin = await kafka.admin();
  try {
    const found = await waitVisibly(() => admin.ensureTopics({ partitions }), {
      what: `Kafka at ${brokers}`,
      timeoutMs,
      pollMs: POLL_MS,
      mayPass: (error) => asTriplineError(error).code === "kafka-unavailable",
      remedy: "Set KAFKA_BROKERS (kafka.bootstrapServers in the chart) to brokers that are reachable from here.",
      say,
    });
    say(`${found.size} topics exist`);
    for (const line of describeOtherNumbers(found, partitions)) say(line);
  } finally {
    await admin.close();
  }
}

/** One line for each number of partitions that existing topics have instead of the requested number. */
function describeOtherNumbers(found: ReadonlyMap<string, number>, wanted: number): string[] {
  const kept = ALL_TOPICS.filter(({ name, partitions }) => partitions > 1 && found.get(name) !== wanted);
  const byNumber = Map.groupBy(kept, ({ name }) => found.get(name) ?? 0);
  return [...byNumber].map(([partitions, topics]) => {
    const names = topics.map(({ name }) => name).join(", ");
    return `existing topics keep ${partitions} partitions instead of ${wanted}: ${names}`;
  });
}

/** @throws TriplineError if a server is unavailable or does not let this user grant access */
export async function giveAccess(passwords: string, environment: Environment, say: Say): Promise<void> {
  for (const line of await applyAccess(readAccessRules(), accessTargetsFrom(environment), readPasswords(passwords))) {
    say(line);
  }
}
