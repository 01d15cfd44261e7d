import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { TriplineError } from "@tripline/contracts/error-table";
import { TRANSACTION_ID_PATTERN, transactionId } from "@tripline/contracts/identifiers";
import type { Kafka } from "@tripline/kafka/port";
import { kafkaAt, kafkaFrom } from "@tripline/system/client/connect-system";
import type { Ledger } from "@tripline/system/ledger/ledger";
import { awaitLedger, balances, ledgerLine } from "@tripline/system/ledger/ledger";
import { readLocalSystem } from "@tripline/system/services/local-system";
import { Command } from "commander";
import { workspaceOption } from "../control-options.js";

const NAMED_MAX = 10;

interface LedgerFlags {
  readonly accepted: string;
  readonly tenant?: string;
  readonly workspace: string;
}

/** `tripline ledger`: checks payments that were sent from a machine without access to Kafka. */
export function ledgerCommand(): Command {
  return new Command("ledger")
    .description("check that each accepted payment has a decision on Kafka; exits with an error otherwise")
    .requiredOption("--accepted <file>", "file with the IDs from the API (txn_…), one per line; - reads standard input")
    .option("--tenant <name>", "the file contains transaction IDs as sent by this tenant")
    .addOption(workspaceOption())
    .addHelpText(
      "after",
      "\nSet KAFKA_BROKERS to read decisions from another system instead of the one on this machine.",
    )
    .action(async ({ accepted, tenant, workspace }: LedgerFlags) => {
      const lines = accepted === "-" ? await text(process.stdin) : await readFile(accepted, "utf8");
      const ids = readAccepted(lines, tenant);
      const ledger = await awaitLedger(kafkaHere(workspace), ids);
      process.stdout.write(ledgerText(ledger));
      process.exitCode = balances(ledger) && ledger.accepted > 0 ? 0 : 1;
    });
}

function kafkaHere(workspace: string): Kafka {
  if (process.env.KAFKA_BROKERS !== undefined) return kafkaFrom(process.env).kafka;
  return kafkaAt(readLocalSystem(workspace).kafkaBrokers, "", process.env);
}

/** @throws TriplineError `config-invalid` if an id has no tenant */
export function readAccepted(lines: string, tenant: string | undefined): ReadonlySet<string> {
  const ids = lines.split("\n").filter((line) => line !== "");
  if (tenant !== undefined) return new Set(ids.map((id) => transactionId(tenant, id)));
  const other = ids.find((id) => !TRANSACTION_ID_PATTERN.test(id));
  if (other === undefined) return new Set(ids);
  throw new TriplineError(
    "config-invalid",
    `${JSON.stringify(other)} is not an ID from the API (txn_…). If it is a tenant's transaction ID, add --tenant.`,
  );
}

/** The ledger's line, followed by the first affected ids of each kind. */
export function ledgerText(ledger: Ledger): string {
  const named = (what: string, ids: readonly string[]): string =>
    ids.length === 0 ? "" : `${what}: ${ids.slice(0, NAMED_MAX).join(" ")}\n`;
  return `${ledgerLine(ledger)}\n${named("lost", ledger.lost)}${named("decided twice", ledger.contradicted)}`;
}
