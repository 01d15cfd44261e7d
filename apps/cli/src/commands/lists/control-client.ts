import { tokensFrom } from "@tripline/system/client/connect-system";
import { ControlClient as SystemControlClient } from "@tripline/system/client/control-client";
import { localSecret } from "@tripline/system/client/find-access";
import { TokenSource } from "@tripline/system/client/token-source";
import { readPorts } from "@tripline/system/ports.mjs";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { Command, Option } from "commander";

const SCOPES = "lists:read lists:write";

export interface ControlFlags {
  readonly control: string;
  readonly tokenUrl?: string;
  readonly workspace: string;
  readonly tenant?: string;
}

/** A command for the control plane, with the options that say where it is. */
export function controlCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--control <url>", "the control plane", localControl())
    .addOption(tokenUrlOption())
    .option(
      "--tenant <name>",
      "whose lists, for clients that may manage those of other tenants; the client's own unless given",
    )
    .addOption(workspaceOption());
}

export function localControl(): string {
  return `http://127.0.0.1:${readPorts().control}`;
}

export function tokenUrlOption(): Option {
  return new Option(
    "--token-url <url>",
    "where auth gives tokens, for the client that CLIENT_ID and CLIENT_SECRET name; the local demo's unless given",
  ).env("TOKEN_URL");
}

export function workspaceOption(): Option {
  const description = "folder below .tripline with the secrets of a system that runs here";
  return new Option("--workspace <name>", description).default(DEMO_WORKSPACE);
}

/** Calls the control plane as whoever the flags and the environment name. */
export class ControlClient extends SystemControlClient {
  /** @throws Error in one sentence without credentials */
  static async open({ control, tokenUrl, workspace, tenant }: ControlFlags, scope = SCOPES): Promise<ControlClient> {
    const url = control.replace(/\/$/, "");
    if (tokenUrl !== undefined) return new ControlClient(url, tokensFrom(process.env, tokenUrl, scope), tenant);
    const clientSecret = await localSecret(url, workspace, "operatorSecret");
    if (clientSecret === undefined) {
      throw new Error(`There are no credentials for ${url}: set CLIENT_ID and CLIENT_SECRET, and give --token-url.`);
    }
    const localTokenUrl = `http://127.0.0.1:${readPorts().auth}/oauth/token`;
    const options = { tokenUrl: localTokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret, scope };
    return new ControlClient(url, new TokenSource(options), tenant);
  }
}
