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

/** `tripline make-secrets`: for an installation on one machine, as compose.yaml describes it. */
export function makeSecretsCommand(): Command {
  return new Command("make-secrets")
    .description("make the secrets of a local installation at random; what is there already stays as it is")
    .argument(
      "<folder>",
      "gets a folder for each reader: auth, control, console, ingestion, training, postgres, client",
    )
    .option("--database <host:port/name>", "where auth finds Postgres", "postgres:5432/tripline")
    .option(
      "--tls",
      "also certificates, passwords and users for each service, below `tls`, as compose.tls.yaml reads them",
    )
    .option("--redis <host:port>", "with --tls: where the services find Valkey", "valkey:6379")
    .option(
      "--hosts <name...>",
      "with --tls: further names in each certificate, with * in the place of the program's own: 'tripline-*.payments.svc'",
      [],
    )
    .action(async (folder: string, { database, redis, hosts, tls }: MakeSecretsFlags) => {
      const made = makeSecrets(folder, database);
      process.stdout.write(made.length === 0 ? "all secrets are there\n" : `made ${made.join(", ")}\n`);
      if (tls !== true) return;
      const addresses = { redis, database, databaseUser: databaseUserIn(folder), hosts };
      const issued = await makeAccess(join(folder, "tls"), readAccessRules(), addresses);
      process.stdout.write(`certificates issued: ${issued.length === 0 ? "none" : issued.join(", ")}\n`);
    });
}
