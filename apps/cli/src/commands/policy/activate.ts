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

/** `tripline policy activate`: from now on, or from a time on, a revision decides. */
export function activateCommand(output: CommandOutput): Command {
  return policyCommandOf("activate", "let a revision decide, on every instance within two seconds")
    .argument("<revision>", `its number, or ${NONE}: the tenant has no policy of its own any more`)
    .option("--at <time>", "from then on, such as 2026-12-01T06:00:00Z (default: now)")
    .option(
      "--unwatched",
      "a change of the outcomes is meant: the guard does not roll it back. Needs another user's approval (approve --unwatched)",
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

/** @returns what was done, as a line. Fails where somebody else activated something between look and change. */
export async function activate(
  policies: PolicyClient,
  revision: number | null,
  note: string,
  how: Pick<ActivationRequest, "at" | "watched"> = {},
): Promise<string> {
  const { newest_activation: after } = await policies.status();
  const made = await policies.activate({ revision, after, note, ...how });
  const what = revision === null ? "no revision of its own" : `revision ${revision}`;
  const told = made.is_published ? "" : "; Kafka does not answer, so the services are told later";
  return `${what} from ${made.activates_at} on (activation ${made.activation})${told}\n`;
}
