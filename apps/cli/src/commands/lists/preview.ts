import type { ControlClient } from "@tripline/system/client/control-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { kindOption, readValue, valueOption } from "./list-options.js";

interface PreviewFlags extends ControlFlags {
  readonly kind: string;
  readonly value: string;
}

const figures = z.object({ payments: z.int(), matched: z.int(), share: z.number(), from: z.string().nullable() });

export function previewCommand(output: CommandOutput, input: AsyncIterable<Uint8Array>): Command {
  return controlCommand("preview", "show how many recent payments an entry would have matched, without adding it")
    .addOption(kindOption().makeOptionMandatory())
    .addOption(valueOption().makeOptionMandatory())
    .action(async (flags: PreviewFlags) => {
      const value = await readValue(flags, input);
      output.write(`${await previewEntry(await openControl(flags), { kind: flags.kind, value })}\n`);
    });
}

/** @returns a sentence */
export async function previewEntry(client: Pick<ControlClient, "call">, entry: { kind: string; value: string }) {
  const answer = await client.call("POST", "/v1/lists/preview", { body: { entries: [entry] } });
  const { payments, matched, share, from } = figures.parse(answer);
  if (from === null) return "The tenant had no payments in the last 24 hours, so there is nothing to preview.";
  const percent = (share * 100).toFixed(1);
  return `The entry would have matched ${percent} % of the payments since ${from}: ${matched} of ${payments}.`;
}
