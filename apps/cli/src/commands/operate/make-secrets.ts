import { join } from "node:path";
import { readAccessRules } from "@tripline/system/access/access-rules";
import { makeAccess } from "@tripline/system/access/make-access";
import { databaseUserIn, makeSecrets } from "@tripline/system/services/write-secrets";
import { Command } from "commander";

interface MakeSecretsFlags {
  readonly database: string;
  readonly redis: string;
  readonly hosts: readonly string[];
  readonly tls?: true;
}

/** `tripline make-secrets`: creates the secrets of an installation on one machine with compose.yaml. */
export function makeSecretsCommand(): Command {
  return new Command("make-secrets")
    .description("generate random secrets for a local installation; existing secrets are kept")
    .argument(
      "<folder>",
      "output folder, with one subfolder for each service: auth, control, console, ingestion, training, postgres, client",
    )
    .option("--database <host:port/name>", "Postgres for auth", "postgres:5432/tripline")
    .option("--tls", "also generate certificates, passwords and users for each service in `tls`, for compose.tls.yaml")
    .option("--redis <host:port>", "with --tls: Valkey for the services", "valkey:6379")
    .option(
      "--hosts <name...>",
      "with --tls: additional names in each certificate, where * is the service name: 'tripline-*.payments.svc'",
      [],
    )
    .action(async (folder: string, { database, redis, hosts, tls }: MakeSecretsFlags) => {
      const made = makeSecrets(folder, database);
      process.stdout.write(made.length === 0 ? "all secrets already exist\n" : `created ${made.join(", ")}\n`);
      if (tls !== true) return;
      const addresses = { redis, database, databaseUser: databaseUserIn(folder), hosts };
      const issued = await makeAccess(join(folder, "tls"), readAccessRules(), addresses);
      process.stdout.write(`certificates issued: ${issued.length === 0 ? "none" : issued.join(", ")}\n`);
    });
}
