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

/** Clients of a local system with permission to change policies and models. */
const LOCAL_CLIENTS = {
  operator: { clientId: OPERATOR_CLIENT_ID, secret: "operatorSecret" },
  approver: { clientId: APPROVER_CLIENT_ID, secret: "approverSecret" },
} as const;

/** A command for the control plane, with its connection options. */
export function controlCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option("--control <url>", "the control plane (default: the one on this machine)").env("CONTROL_URL"))
    .addOption(tokenUrlOption())
    .option("--tenant <name>", "the tenant, for clients that can act for other tenants (default: the client's own)")
    .addOption(workspaceOption())
    .addHelpText("after", "\nSet CLIENT_ID and CLIENT_SECRET. A system on this machine needs neither.");
}

export function tokenUrlOption(): Option {
  return new Option("--token-url <url>", "auth's token endpoint (default: the one on this machine)").env("TOKEN_URL");
}

export function workspaceOption(): Option {
  const description = "folder below .tripline with the secrets of the system on this machine";
  return new Option("--workspace <name>", description).default(DEMO_WORKSPACE);
}

/**
 * Connects to the control plane with the environment's credentials or, if there are none, with those of a client of the
 * local system.
 *
 * @throws Error in one sentence if there are no credentials
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
    throw new Error(`No credentials for ${url}. Set CLIENT_ID, CLIENT_SECRET and --token-url, or start the demo.`);
  }
  return new ControlClient(url, new AccessTokens({ tokenUrl: tokensAt, clientId, clientSecret }), tenant);
}
