import { asTriplineError } from "@tripline/contracts/error-table";
import { ALL_TOPICS } from "@tripline/contracts/topics";
import { waitVisibly } from "@tripline/stores/wait-visibly";
import { readAccessRules } from "@tripline/system/access/access-rules";
import { applyAccess } from "@tripline/system/access/apply-access";
import { readPasswords } from "@tripline/system/access/make-access";
import type { SystemKafka } from "@tripline/system/client/connect-system";
import { accessTargetsFrom, kafkaFrom } from "@tripline/system/client/connect-system";
import { Command } from "commander";
import { durationMs } from "../parse-duration.js";

interface TopicsFlags {
  readonly timeout: string;
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
      "--access <passwords>",
      "also grant each service its rights from infra/access.yaml: on Kafka if KAFKA_CERT_FILE is set, and on the systems at REDIS_URL and " +
        "POSTGRES_URL; a folder with one password file per user",
    )
    .action(async ({ timeout, access }: TopicsFlags) => {
      const say: Say = (line) => process.stderr.write(`${line}\n`);
      await ensureTopics(kafkaFrom(process.env), durationMs(timeout), say);
      if (access !== undefined) await giveAccess(access, process.env, say);
    });
}

/** @throws Error in one sentence if Kafka is not available within `timeoutMs` */
export async function ensureTopics({ kafka, brokers }: SystemKafka, timeoutMs: number, say: Say): Promise<void> {
  const admin = await kafka.admin();
  try {
    await waitVisibly(() => admin.ensureTopics(), {
      what: `Kafka at ${brokers}`,
      timeoutMs,
      pollMs: POLL_MS,
      mayPass: (error) => asTriplineError(error).code === "kafka-unavailable",
      remedy: "Set KAFKA_BROKERS (kafka.bootstrapServers of the chart) to brokers that are reachable from here.",
      say,
    });
  } finally {
    await admin.close();
  }
  say(`${ALL_TOPICS.length} topics exist`);
}

/** @throws TriplineError if a server is unavailable or does not let this user grant access */
export async function giveAccess(passwords: string, environment: Environment, say: Say): Promise<void> {
  for (const line of await applyAccess(readAccessRules(), accessTargetsFrom(environment), readPasswords(passwords))) {
    say(line);
  }
}
