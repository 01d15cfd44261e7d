import { AccessTokens } from "@tripline/client/access-tokens";
import { tokensFrom } from "@tripline/system/client/connect-system";
import { ControlClient } from "@tripline/system/client/control-client";
import { localAddresses, localSecret } from "@tripline/system/client/find-access";
import { DEMO_WORKSPACE, trustAuthorityAt } from "@tripline/system/services/local-system";
import { APPROVER_CLIENT_ID, OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { Command, Option } from "commander";

export interface ControlFlags {
  readonly control?: string;
  readonly tokenUrl?: string;
  readonly workspace: string;
  readonly tenant?: string;
}

/** The clients of a system on this machine that may change what it decides. */
const LOCAL_CLIENTS = {
  operator: { clientId: OPERATOR_CLIENT_ID, secret: "operatorSecret" },
  approver: { clientId: APPROVER_CLIENT_ID, secret: "approverSecret" },
} as const;

/** A command for the control plane, with the options that say where it is. */
export function controlCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option("--control <url>", "the control plane; that on this machine unless given").env("CONTROL_URL"))
    .addOption(tokenUrlOption())
    .option("--tenant <name>", "for which tenant, for clients that may act for others; the client's own unless given")
    .addOption(workspaceOption())
    .addHelpText(
      "after",
      "\nCLIENT_ID and CLIENT_SECRET say who asks; for a system on this machine nothing has to be said.",
    );
}

export function tokenUrlOption(): Option {
  return new Option("--token-url <url>", "where auth gives tokens; on this machine unless given").env("TOKEN_URL");
}

export function workspaceOption(): Option {
  const description = "folder below .tripline with the secrets of a system that runs here";
  return new Option("--workspace <name>", description).default(DEMO_WORKSPACE);
}

/**
 * The control plane as whoever the environment names sees it; without that, as a client of the system on this machine does.
 *
 * @throws Error in one sentence without credentials
 */
export async function openControl(
  { control, tokenUrl, workspace, tenant }: ControlFlags,
  role: keyof typeof LOCAL_CLIENTS = "operator",
): Promise<ControlClient> {
  const local = localAddresses(workspace);
  const url = (control ?? local.control).replace(/\/$/, "");
  const tokensAt = tokenUrl ?? `${local.auth}/oauth/token`;
  for (const address of [url, tokensAt]) trustAuthorityAt(address);
  if (process.env.CLIENT_ID !== undefined) return new ControlClient(url, tokensFrom(process.env, tokensAt), tenant);
  const { clientId, secret } = LOCAL_CLIENTS[role];
  const clientSecret = await localSecret(url, workspace, secret);
  if (clientSecret === undefined) {
    throw new Error(
      `There are no credentials for ${url}: set CLIENT_ID and CLIENT_SECRET, and give --token-url; or start the demo.`,
    );
  }
  return new ControlClient(url, new AccessTokens({ tokenUrl: tokensAt, clientId, clientSecret }), tenant);
}
