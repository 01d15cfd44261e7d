import type { DeadLetter } from "@tripline/kafka/dead-letters/return-letters";
import {
  describeLetter,
  describeReference,
  LETTERED_TOPICS,
  readLetters,
  returnLetters,
} from "@tripline/kafka/dead-letters/return-letters";
import type { Kafka } from "@tripline/kafka/port";
import { kafkaAt } from "@tripline/system/client/connect-system";
import type { CommandOutput } from "@tripline/system/command-output";
import { readLocalSystem } from "@tripline/system/services/local-system";
import { Command, InvalidArgumentError, Option } from "commander";
import { workspaceOption } from "../control-options.js";

interface DlqFlags {
  readonly brokers?: string[];
  readonly workspace: string;
  readonly topicPrefix?: string;
}

interface ListFlags extends DlqFlags {
  readonly topic?: string;
  readonly limit: number;
  readonly json?: true;
}

interface RedriveFlags extends DlqFlags {
  readonly topic: string;
  readonly code?: string;
}

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 10_000;
const SENTENCE_LENGTH_MAX = 100;

/** `tripline dlq`: shows dead letters and redrives them once the cause is fixed. */
export function dlqCommand(output: CommandOutput = process.stdout): Command {
  return (
    new Command("dlq")
      .description("list dead letters, and redrive them once the cause is fixed")
      .addCommand(
        withKafka("list", "count dead letters that were not redriven, by code, and show the newest")
          .addOption(topicOption("only this topic"))
          .option("--limit <count>", "number of dead letters to show", parseLimit, LIMIT_DEFAULT)
          .option("--json", "print the dead letters as JSON lines")
          .action(async (flags: ListFlags) => list(flags, output)),
      )
      .addCommand(redriveCommand("redrive", output))
      // The former name, until 0.3.0.
      .addCommand(redriveCommand("return", output), { hidden: true })
  );
}

function redriveCommand(name: string, output: CommandOutput): Command {
  return withKafka(
    name,
    "redrive dead letters; a record that fails again becomes a dead letter again; exit code 1 if some cannot be redriven",
  )
    .addOption(topicOption("the original topic").makeOptionMandatory())
    .option("--code <code>", "only this error code")
    .action(async (flags: RedriveFlags) => {
      const { returned, left, skipped } = await returnLetters(connect(flags), flags.topic, { code: flags.code });
      const rest = left === 0 ? "" : ` ${left} dead letters with other codes were skipped.`;
      output.write(`${returned} dead letters were put back on ${flags.topic}.${rest}\n`);
      for (const sentence of skipped) output.write(`${sentence}\n`);
      if (skipped.length > 0) process.exitCode = 1;
    });
}

function withKafka(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--brokers <address...>", "Kafka, for example 127.0.0.1:9092 (default: the system on this machine)")
    .addOption(workspaceOption())
    .option("--topic-prefix <text>", "the services' KAFKA_TOPIC_PREFIX");
}

function topicOption(description: string): Option {
  return new Option("--topic <name>", description).choices(LETTERED_TOPICS);
}

function connect({ brokers, workspace, topicPrefix = "" }: DlqFlags): Kafka {
  return kafkaAt(brokers ?? readLocalSystem(workspace).kafkaBrokers, topicPrefix, process.env);
}

async function list({ limit, ...flags }: ListFlags, output: CommandOutput): Promise<void> {
  const kafka = connect(flags);
  const counts = new Map<string, number>();
  const shown: DeadLetter[] = [];
  const unread: string[] = [];
  for (const topic of flags.topic === undefined ? LETTERED_TOPICS : [flags.topic]) {
    await readLetters(kafka, topic, {
      onBatch(records) {
        for (const letter of records.map((record) => describeLetter(topic, record))) {
          const kind = [letter.topic, letter.code, letter.group].join(" ");
          counts.set(kind, (counts.get(kind) ?? 0) + 1);
          shown.push(letter);
        }
        shown.sort((a, b) => b.deadLetteredAtMs - a.deadLetteredAtMs);
        shown.length = Math.min(shown.length, limit);
      },
      onSkipped: (sentence) => unread.push(sentence),
    });
  }
  if (flags.json === true) {
    // `buriedAtMs` is the former name of the time, until 0.3.0.
    for (const letter of shown) {
      output.write(`${JSON.stringify({ ...letter, buriedAtMs: letter.deadLetteredAtMs })}\n`);
    }
    return;
  }
  if (counts.size > 0) output.write(`${tableOf(counts, shown)}\n`);
  for (const sentence of unread) output.write(`${sentence}\n`);
  if (counts.size + unread.length === 0) output.write("No dead letters.\n");
}

function tableOf(counts: ReadonlyMap<string, number>, letters: readonly DeadLetter[]): string {
  const kinds = [...counts].map(([kind, count]) => {
    const [topic, code, group] = kind.split(" ");
    return `${String(count).padStart(8)}  of ${topic}, by ${group}: ${code}`;
  });
  const lines = letters.map((letter) => {
    const where = `${letter.topic}.dlq/${letter.partition}@${letter.offset}`;
    const again = letter.returned === 0 ? "" : ` (redriven ${letter.returned} times before)`;
    const message = letter.message.slice(0, SENTENCE_LENGTH_MAX);
    const original = letter.reference === undefined ? "" : ` (${describeReference(letter.reference)})`;
    return `${new Date(letter.deadLetteredAtMs).toISOString()}  ${where}  ${letter.code}${again}  ${message}${original}`;
  });
  return [...kinds, "", ...lines].join("\n");
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 0 && limit <= LIMIT_MAX) return limit;
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${LIMIT_MAX}.`);
}
