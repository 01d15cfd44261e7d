import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyClient } from "@tripline/system/client/policy-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Option } from "commander";
import type { PolicyFlags } from "./control-options.js";
import { openPolicy, parseRevision, policyCommandOf } from "./control-options.js";

interface PullFlags extends PolicyFlags {
  readonly revision?: number;
  readonly to?: string;
  readonly all?: string;
}

/** Digits of the digest at the end of a policy's version. */
const DIGEST_DIGITS = 8;

/** `tripline policy pull`: writes a revision to a file. */
export function pullCommand(output: CommandOutput): Command {
  return policyCommandOf("pull", "print a revision exactly as it was pushed")
    .option("--revision <number>", "the revision (default: the active one)", parseRevision)
    .option("--to <file>", "write to this file instead")
    .addOption(
      new Option("--all <folder>", "write all revisions to this folder, for replay --policies").conflicts([
        "revision",
        "to",
      ]),
    )
    .action(async (flags: PullFlags) => {
      const policies = await openPolicy(flags, "operator");
      if (flags.all !== undefined) {
        output.write(`${await pullAll(policies, flags.all)} revisions in ${flags.all}\n`);
        return;
      }
      const { text } = await policies.revision(flags.revision ?? (await revisionInForce(policies)));
      if (flags.to === undefined) output.write(text);
      else await writeFile(flags.to, text);
    });
}

/** @returns the number of revisions */
export async function pullAll(policies: PolicyClient, folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const revisions = await policies.revisions();
  for (const { revision, sha256 } of revisions) {
    const { text } = await policies.revision(revision);
    // Each tenant has a revision 1, and the folder may contain several tenants' revisions.
    await writeFile(join(folder, `revision-${revision}-${sha256.slice(0, DIGEST_DIGITS)}.yaml`), text);
  }
  return revisions.length;
}

/** @throws Error in one sentence if no policy is active */
export async function revisionInForce(policies: PolicyClient): Promise<number> {
  const { in_force } = await policies.status();
  if (in_force?.revision) return in_force.revision;
  throw new Error(
    "No revision is active, so the policy file of decisions applies. Specify a revision with --revision.",
  );
}
