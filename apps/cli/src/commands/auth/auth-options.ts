import { spawn } from "node:child_process";
import { join } from "node:path";
import { AccessTokens } from "@tripline/client/access-tokens";
import { signInVariables, tokensFrom } from "@tripline/system/client/connect-system";
import { ControlClient } from "@tripline/system/client/control-client";
import { localAddresses, localSecret } from "@tripline/system/client/find-access";
import { trustAuthorityAt } from "@tripline/system/services/local-system";
import { OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import { Command, Option } from "commander";
import { workspaceOption } from "../control-options.js";

const ENTRY = join(ROOT, "apps", "auth", "dist", "operate", "main.js");
const EXIT_FAILURE = 1;

export interface AuthFlags {
  readonly auth?: string;
  readonly workspace: string;
}

/** A command for auth's API, with its connection options. */
export function authApiCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option("--auth <url>", "the authorization server (default: the one on this machine)").env("AUTH_URL"),
    )
    .addOption(workspaceOption())
    .addHelpText(
      "after",
      "\nSet CLIENT_ID and CLIENT_SECRET to a client with people:read and people:write. A system on this machine " +
        "needs neither.",
    );
}

/** @throws Error in one sentence if there are no credentials */
export async function openAuth({ auth, workspace }: AuthFlags): Promise<ControlClient> {
  const url = (auth ?? localAddresses(workspace).auth).replace(/\/$/, "");
  trustAuthorityAt(url);
  const tokenUrl = `${url}/oauth/token`;
  const names = { service: "auth", option: "--auth" };
  if (process.env.CLIENT_ID !== undefined) {
    return new ControlClient(url, tokensFrom(process.env, tokenUrl), undefined, names);
  }
  const clientSecret = await localSecret(url, workspace, "operatorSecret");
  if (clientSecret === undefined) {
    throw new Error(`No credentials for ${url}. Set CLIENT_ID and CLIENT_SECRET, or start the demo.`);
  }
  const tokens = new AccessTokens({ tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret });
  return new ControlClient(url, tokens, undefined, names);
}

/** A command that accesses auth's database directly, for tasks that come before any token can be issued. */
export function authDatabaseCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      "--postgres <url>",
      "auth's database, for example postgresql://user@127.0.0.1:5432/tripline (default: POSTGRES_URL)",
    );
}

/**
 * Runs a program of auth in a separate process, because only auth knows its tables. The address may contain a password,
 * so it is not passed as an argument.
 */
export function runOnDatabase(postgres: string | undefined, variables: Record<string, string>): Promise<number> {
  const url = postgres ?? process.env.POSTGRES_URL;
  const { PATH, KEY_ENCRYPTION_KEY } = process.env;
  const environment = {
    PATH,
    ...(KEY_ENCRYPTION_KEY === undefined ? {} : { KEY_ENCRYPTION_KEY }),
    ...signInVariables(process.env),
    ...(url === undefined ? {} : { POSTGRES_URL: url }),
    ...variables,
  };
  const child = spawn(process.execPath, ["--enable-source-maps", ENTRY], { env: environment, stdio: "inherit" });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? EXIT_FAILURE));
  });
}
