import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { authDatabaseCommand, runOnDatabase } from "./auth-options.js";
import { clientsCommand } from "./clients.js";
import { grantsCommand } from "./grants.js";
import { peopleCommand } from "./people.js";

interface BootstrapFlags {
  readonly tenant: string;
  readonly name: string;
  readonly postgres?: string;
}

/** `tripline auth`: manages access to the system. */
export function authCommand(output: CommandOutput = process.stdout): Command {
  return new Command("auth")
    .description("manage users, machine clients and signing keys")
    .addCommand(
      authDatabaseCommand("bootstrap", "add the first administrator of a tenant and print the password")
        .argument("<user-name>", "user name for sign-in")
        .requiredOption("--tenant <name>", "the tenant")
        .requiredOption("--name <name>", "the user's name")
        .action(async (userName: string, { tenant, name, postgres }: BootstrapFlags) => {
          const person = JSON.stringify({ user_name: userName, tenant, name });
          process.exitCode = await runOnDatabase(postgres, { AUTH_ACTION: "bootstrap", AUTH_PERSON: person });
        }),
    )
    .addCommand(peopleCommand(output))
    .addCommand(clientsCommand(output))
    .addCommand(grantsCommand(output))
    .addCommand(
      authDatabaseCommand("approve", "approve a change if the tenant has no second administrator")
        .argument("<grant-id>", "the ID shown by `auth grants list`")
        .requiredOption("--tenant <name>", "the tenant")
        .action(
          async (grant: string, { tenant, postgres }: { readonly tenant: string; readonly postgres?: string }) => {
            const variables = { AUTH_ACTION: "approve", AUTH_TENANT: tenant, AUTH_GRANT: grant };
            process.exitCode = await runOnDatabase(postgres, variables);
          },
        ),
    )
    .addCommand(
      authDatabaseCommand("rotate-keys", "rotate the signing key; requires KEY_ENCRYPTION_KEY").action(
        async ({ postgres }: { readonly postgres?: string }) => {
          process.exitCode = await runOnDatabase(postgres, { AUTH_ACTION: "rotate-keys" });
        },
      ),
    );
}
