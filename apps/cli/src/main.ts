import { Command } from "commander";
import { commands } from "./commands.js";

const program = new Command("tripline")
  .description("Real-time fraud detection for card payments, on this machine")
  .showHelpAfterError();
for (const command of commands()) program.addCommand(command);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
