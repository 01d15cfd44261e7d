import { AccessTokens } from "@tripline/client/access-tokens";
import { tokensFrom } from "@tripline/system/client/connect-system";
import { CONSOLE_NAMES, ControlClient } from "@tripline/system/client/control-client";
import { localAddresses, localSecret } from "@tripline/system/client/find-access";
import { trustAuthorityAt } from "@tripline/system/services/local-system";
import { OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { Command, Option } from "commander";
import { tokenUrlOption, workspaceOption } from "../control-options.js";

export interface ConsoleFlags {
  readonly console?: string;
  readonly tokenUrl?: string;
  readonly workspace: string;
  readonly json?: true;
}

/** A command that reads from the console's API for clients, with its connection options. */
export function consoleCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option("--console <url>", "the console (default: the one on this machine)").env("CONSOLE_URL"))
    .addOption(tokenUrlOption())
    .addOption(workspaceOption())
    .option("--json", "print JSON lines")
    .addHelpText(
      "after",
      "\nSet CLIENT_ID and CLIENT_SECRET to those of a client with the scope cases:read. A system on this machine needs neither.",
    );
}

/** @throws Error in one sentence if there are no credentials */
export async function openConsole({ console, tokenUrl, workspace }: ConsoleFlags): Promise<ControlClient> {
  const local = localAddresses(workspace);
  const url = (console ?? local.console).replace(/\/$/, "");
  const tokensAt = tokenUrl ?? `${local.auth}/oauth/token`;
  for (const address of [url, tokensAt]) trustAuthorityAt(address);
  const client = (tokens: AccessTokens) => new ControlClient(url, tokens, undefined, CONSOLE_NAMES);
  if (process.env.CLIENT_ID !== undefined) return client(tokensFrom(process.env, tokensAt));
  const clientSecret = await localSecret(url, workspace, "operatorSecret");
  if (clientSecret === undefined) {
    throw new Error(`No credentials for ${url}. Set CLIENT_ID, CLIENT_SECRET and --token-url, or start the demo.`);
  }
  return client(new AccessTokens({ tokenUrl: tokensAt, clientId: OPERATOR_CLIENT_ID, clientSecret }));
}

/** @returns a query with the values that are set */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  return query;
}
