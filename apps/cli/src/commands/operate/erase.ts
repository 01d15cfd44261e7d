import { text } from "node:stream/consumers";
import { cardToken, emailToken, isCardNumber, normalEmail } from "@tripline/contracts/identifiers";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";

const KEY_BYTES_MIN = 32;
const STDIN = "-";

/** They read the topic `erasures`. */
const FOLLOWS =
  "Within seconds features empties the window states and takes the profile and other rows out of Feast's online store, and the " +
  "console deletes the payments and cases of erased cards.\n";

const answer = z.object({ keys: z.number(), seen_with: z.array(z.string()) });

interface EraseFlags extends ControlFlags {
  readonly withCards?: true;
}

/** `tripline erase`: a person's data can be read nowhere any more. */
export function eraseCommand(
  output: CommandOutput = process.stdout,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Command {
  return controlCommand(
    "erase",
    "destroy the keys of a person's data, and clear window states, Feast's profile and the console",
  )
    .argument(
      "<subject>",
      `a card token (ct_…), the token of an e-mail address (et_…), or ${STDIN} to read a card number or an address from ` +
        "standard input: then CARD_TOKEN_KEY and --tenant say of whom",
    )
    .option("--with-cards", "erase also the cards and addresses that came with it")
    .action(async (given: string, flags: EraseFlags) => {
      const first = given === STDIN ? tokenOf((await text(input)).trim(), flags.tenant) : given;
      const client = await openControl(flags);
      // Grows while it is gone through.
      const left = new Set([first]);
      for (const subject of left) {
        const { keys, seen_with: seenWith } = answer.parse(
          await client.call("POST", "/v1/erasures", { body: { subject } }),
        );
        output.write(`${subject} is erased: ${keys} keys destroyed.\n`);
        if (flags.withCards === true) for (const other of seenWith) left.add(other);
        else if (seenWith.length > 0) output.write(`It came with ${seenWith.join(", ")}, which were not erased.\n`);
      }
      output.write(FOLLOWS);
    });
}

/** As the front door makes it. A number on the command line would stay in the shell's history. */
function tokenOf(subject: string, tenant: string | undefined): string {
  const key = Buffer.from(process.env.CARD_TOKEN_KEY ?? "", "base64");
  if (tenant === undefined || key.length < KEY_BYTES_MIN) {
    throw new Error("Give --tenant, and set CARD_TOKEN_KEY to the key of the front door: they make the token.");
  }
  if (isCardNumber(subject)) return cardToken(key, tenant, subject);
  const email = normalEmail(subject);
  if (email === undefined) throw new Error("Standard input holds neither a card number nor an e-mail address.");
  return emailToken(key, tenant, email);
}
