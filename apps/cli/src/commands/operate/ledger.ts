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

/** `tripline ledger`: for payments that were sent from where Kafka cannot be reached. */
export function ledgerCommand(): Command {
  return new Command("ledger")
    .description("hold the payments that were accepted against the decisions on Kafka; fails unless each has one")
    .requiredOption("--accepted <file>", "the ids that the API gave them (txn_…), one a line; - reads standard input")
    .option("--tenant <name>", "the file holds the transaction ids of this tenant instead, as it sent them")
    .addOption(workspaceOption())
    .addHelpText(
      "after",
      "\nKAFKA_BROKERS says where the decisions are; in the system that runs here unless it is set.",
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

/** @throws TriplineError `config-invalid` when an id does not say whose it is */
export function readAccepted(lines: string, tenant: string | undefined): ReadonlySet<string> {
  const ids = lines.split("\n").filter((line) => line !== "");
  if (tenant !== undefined) return new Set(ids.map((id) => transactionId(tenant, id)));
  const other = ids.find((id) => !TRANSACTION_ID_PATTERN.test(id));
  if (other === undefined) return new Set(ids);
  throw new TriplineError(
    "config-invalid",
    `${JSON.stringify(other)} is not an id that the API gave (txn_…): add --tenant if it is one that a tenant sent.`,
  );
}

/** The line of the ledger, and what is wrong by name, as far as there is room. */
export function ledgerText(ledger: Ledger): string {
  const named = (what: string, ids: readonly string[]): string =>
    ids.length === 0 ? "" : `${what}: ${ids.slice(0, NAMED_MAX).join(" ")}\n`;
  return `${ledgerLine(ledger)}\n${named("lost", ledger.lost)}${named("decided twice", ledger.contradicted)}`;
}
