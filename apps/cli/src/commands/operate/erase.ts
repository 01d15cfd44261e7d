import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { personKinds, readToken, STDIN } from "../read-token.js";

/** The consumers of the `erasures` topic. */
const FOLLOWS =
  "Within seconds, the features service clears the window states and deletes the profile and other rows from Feast's online " +
  "store, and the console deletes the payments and cases of erased cards.\n";

const answer = z.object({ keys: z.number(), seen_with: z.array(z.string()) });

interface EraseFlags extends ControlFlags {
  readonly account?: true;
  readonly withCards?: true;
}

/** `tripline erase`: makes a person's data unreadable everywhere. */
export function eraseCommand(
  output: CommandOutput = process.stdout,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Command {
  return controlCommand(
    "erase",
    "erase a person: destroy the person's data keys, and clear window states, the Feast profile and the console",
  )
    .argument(
      "<subject>",
      `the token of a card (ct_…), an e-mail address (et_…) or an account (at_…), or ${STDIN} to read a card number or e-mail address from ` +
        "standard input; for a system on another machine, this requires CARD_TOKEN_KEY and --tenant",
    )
    .option("--account", "standard input is an account ID")
    .option("--with-cards", "also erase the cards, e-mail addresses and accounts used together with it")
    .action(async (given: string, flags: EraseFlags) => {
      const first = given === STDIN ? await readToken(input, personKinds(flags), flags) : given;
      const client = await openControl(flags);
      // The set grows during the iteration.
      const left = new Set([first]);
      for (const subject of left) {
        const { keys, seen_with: seenWith } = answer.parse(
          await client.call("POST", "/v1/erasures", { body: { subject } }),
        );
        output.write(`${subject} erased: ${keys} keys destroyed.\n`);
        if (flags.withCards === true) for (const other of seenWith) left.add(other);
        else if (seenWith.length > 0) output.write(`Used together with it, but not erased: ${seenWith.join(", ")}.\n`);
      }
      output.write(FOLLOWS);
    });
}
