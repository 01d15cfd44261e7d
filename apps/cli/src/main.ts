import { releaseVersion } from "@tripline/telemetry/release-version";
import { Command } from "commander";
import { loadCommands } from "./commands.js";

const program = new Command("tripline")
  .description("Real-time fraud detection for card payments, on this machine")
  .version(releaseVersion(), "--version", "print the version")
  .showHelpAfterError();
for (const command of await loadCommands(process.argv[2])) program.addCommand(command);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
