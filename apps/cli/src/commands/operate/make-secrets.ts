import { makeSecrets } from "@tripline/system/services/write-secrets";
import { Command } from "commander";

/** `tripline make-secrets`: for an installation on one machine, as compose.yaml describes it. */
export function makeSecretsCommand(): Command {
  return new Command("make-secrets")
    .description("make the secrets of a local installation at random; what is there already stays as it is")
    .argument(
      "<folder>",
      "gets a folder for each reader: auth, control, console, ingestion, training, postgres, client",
    )
    .option("--database <host:port/name>", "where auth finds Postgres", "postgres:5432/tripline")
    .action((folder: string, { database }: { readonly database: string }) => {
      const made = makeSecrets(folder, database);
      process.stdout.write(made.length === 0 ? "all secrets are there\n" : `made ${made.join(", ")}\n`);
    });
}
