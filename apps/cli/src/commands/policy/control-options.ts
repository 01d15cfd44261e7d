import { PolicyClient } from "@tripline/system/client/policy-client";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";

export interface PolicyFlags extends ControlFlags {
  readonly allTenants?: true;
}

/** A command for a tenant's policy, with the control plane's connection options. */
export function policyCommandOf(name: string, description: string): Command {
  return controlCommand(name, description).addOption(
    new Option("--all-tenants", "the policy of all tenants without their own policy").conflicts("tenant"),
  );
}

/** @param role selects the local system's client, if the environment has no credentials */
export async function openPolicy(
  { allTenants, ...flags }: PolicyFlags,
  role: "operator" | "approver",
): Promise<PolicyClient> {
  return new PolicyClient(await openControl(allTenants === true ? { ...flags, tenant: "" } : flags, role));
}

export function noteOption(what: string): Option {
  return new Option("--note <text>", what).default("");
}

/** Used instead of a revision for a tenant without a policy of its own. */
export const NONE = "none";

/** @returns null for `NONE` */
export function parseActivated(text: string): number | null {
  return text === NONE ? null : parseRevision(text);
}

export function parseRevision(text: string): number {
  const revision = Number(text);
  if (Number.isInteger(revision) && revision > 0) return revision;
  throw new InvalidArgumentError("It must be a revision number.");
}
