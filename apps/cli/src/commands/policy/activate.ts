import type { ActivationRequest, PolicyClient } from "@tripline/system/client/policy-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { PolicyFlags } from "./control-options.js";
import { NONE, noteOption, openPolicy, parseActivated, policyCommandOf } from "./control-options.js";

interface ActivateFlags extends PolicyFlags {
  readonly at?: string;
  readonly unwatched?: true;
  readonly note: string;
}

/** `tripline policy activate`: activates a revision, now or at a given time. */
export function activateCommand(output: CommandOutput): Command {
  return policyCommandOf("activate", "activate a revision; it takes effect on all instances within two seconds")
    .argument("<revision>", `its number, or ${NONE} to remove the tenant's own policy`)
    .option("--at <time>", "activation time, such as 2026-12-01T06:00:00Z (default: now)")
    .option(
      "--unwatched",
      "activate without the guard, because outcomes are expected to change; requires another user's approval (approve --unwatched)",
    )
    .addOption(noteOption("why"))
    .action(async (text: string, flags: ActivateFlags) => {
      const policies = await openPolicy(flags, "operator");
      const revision = parseActivated(text);
      const { at, unwatched } = flags;
      output.write(
        await activate(policies, revision, flags.note, {
          ...(at === undefined ? {} : { at }),
          ...(unwatched === true ? { watched: false } : {}),
        }),
      );
    });
}

/** @returns the result as a line. Fails if another user activated something in the meantime. */
export async function activate(
  policies: PolicyClient,
  revision: number | null,
  note: string,
  how: Pick<ActivationRequest, "at" | "watched"> = {},
): Promise<string> {
  const { newest_activation: after } = await policies.status();
  const made = await policies.activate({ revision, after, note, ...how });
  const what = revision === null ? "no tenant policy" : `revision ${revision}`;
  const delay = made.is_published ? "" : "; Kafka is unavailable, so the services will be notified later";
  return `${what} is active from ${made.activates_at} (activation ${made.activation})${delay}\n`;
}
