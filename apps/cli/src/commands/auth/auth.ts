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

/** `tripline auth`: who may use the system. */
export function authCommand(output: CommandOutput = process.stdout): Command {
  return new Command("auth")
    .description("people, machine clients and signing keys")
    .addCommand(
      authDatabaseCommand("bootstrap", "add the first administrator of a tenant, and print the password")
        .argument("<user-name>", "what the person types to sign in")
        .requiredOption("--tenant <name>", "of which tenant")
        .requiredOption("--name <name>", "the person's name")
        .action(async (userName: string, { tenant, name, postgres }: BootstrapFlags) => {
          const person = JSON.stringify({ user_name: userName, tenant, name });
          process.exitCode = await runOnDatabase(postgres, { AUTH_ACTION: "bootstrap", AUTH_PERSON: person });
        }),
    )
    .addCommand(peopleCommand(output))
    .addCommand(clientsCommand(output))
    .addCommand(grantsCommand(output))
    .addCommand(
      authDatabaseCommand("approve", "approve a change where the tenant has no second administrator who can")
        .argument("<grant-id>", "which, as `auth grants list` shows it")
        .requiredOption("--tenant <name>", "of which tenant")
        .action(
          async (grant: string, { tenant, postgres }: { readonly tenant: string; readonly postgres?: string }) => {
            const variables = { AUTH_ACTION: "approve", AUTH_TENANT: tenant, AUTH_GRANT: grant };
            process.exitCode = await runOnDatabase(postgres, variables);
          },
        ),
    )
    .addCommand(
      authDatabaseCommand(
        "rotate-keys",
        "put a new signing key in the place of the one in use; KEY_ENCRYPTION_KEY has to be set",
      ).action(async ({ postgres }: { readonly postgres?: string }) => {
        process.exitCode = await runOnDatabase(postgres, { AUTH_ACTION: "rotate-keys" });
      }),
    );
}
