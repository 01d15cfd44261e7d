import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { addCommand } from "./add.js";
import { exportCommand } from "./export.js";
import { importCommand } from "./import.js";
import { previewCommand } from "./preview.js";
import { removeCommand } from "./remove.js";
import { searchCommand } from "./search.js";

/** `tripline lists`: manages entries whose payments are declined, watched or allowed regardless of the model. */
export function listsCommand(
  output: CommandOutput = process.stdout,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Command {
  return new Command("lists")
    .description("manage the deny, watch and allow lists and custom lists")
    .addCommand(addCommand(output, input))
    .addCommand(previewCommand(output, input))
    .addCommand(removeCommand(output, input))
    .addCommand(searchCommand(output))
    .addCommand(importCommand(output))
    .addCommand(exportCommand(output));
}
