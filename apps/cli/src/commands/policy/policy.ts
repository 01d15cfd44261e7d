import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { backtestCommand } from "./backtest.js";

/** `tripline policy`: what decides, before it does. */
export function policyCommand(output: CommandOutput = process.stdout): Command {
  return new Command("policy").description("try policies before they decide").addCommand(backtestCommand(output));
}
