import { fileSource } from "@tripline/backfill/input/transactions-source";
import { kafkaAt } from "@tripline/system/client/connect-system";
import { produceHistory } from "@tripline/system/replay/produce-history";
import { StepLog } from "@tripline/system/step-log";
import { Command } from "commander";

interface ProduceFlags {
  readonly input: string;
  readonly brokers: string[];
  readonly topicPrefix: string;
  readonly tenant: string;
}

/** `tripline produce`: writes past payments to Kafka, for a backfill by a fleet of features services. */
export function produceCommand(): Command {
  return new Command("produce")
    .description(
      "write past payments and labels to separate topics, for a backfill by several instances of the features service",
    )
    .requiredOption("--input <path>", "transactions, CSV or Parquet; may be a glob")
    .requiredOption("--brokers <address...>", "Kafka brokers, for example 127.0.0.1:9092")
    .requiredOption(
      "--topic-prefix <text>",
      "prefix of the topics, which separates them from live payments, for example `history.`",
    )
    .option("--tenant <name>", "the tenant of the payments", "demo")
    .action(async ({ input, brokers, topicPrefix, tenant }: ProduceFlags) => {
      const steps = new StepLog();
      const kafka = kafkaAt(brokers, topicPrefix, process.env);
      const admin = await kafka.admin();
      await steps.run("create topics", () => admin.ensureTopics()).finally(() => admin.close());
      const producer = await kafka.producer();
      try {
        const source = fileSource(input);
        const { payments, labels } = await steps.run("write payments and labels", (onProgress) =>
          produceHistory({ source, tenant, producer, onProgress }),
        );
        process.stdout.write(`${payments} payments and ${labels} labels written to the topics ${topicPrefix}…\n`);
      } finally {
        await producer.close();
      }
    });
}
