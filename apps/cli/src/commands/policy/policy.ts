import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { activateCommand } from "./activate.js";
import { approveCommand } from "./approve.js";
import { backtestCommand } from "./backtest.js";
import { checkCommand } from "./check.js";
import { diffCommand } from "./diff.js";
import { listCommand } from "./list.js";
import { pullCommand } from "./pull.js";
import { pushCommand } from "./push.js";
import { requireApprovalCommand } from "./require-approval.js";
import { rollbackCommand } from "./rollback.js";
import { shadowCommand } from "./shadow.js";
import { settleCommand, waitingCommand } from "./waiting.js";

/** `tripline policy`: manages policies. */
export function policyCommand(output: CommandOutput = process.stdout): Command {
  return new Command("policy")
    .description("test policies, store them as revisions and activate one of them")
    .addCommand(checkCommand(output))
    .addCommand(backtestCommand(output))
    .addCommand(shadowCommand(output))
    .addCommand(diffCommand(output))
    .addCommand(pushCommand(output))
    .addCommand(pullCommand(output))
    .addCommand(listCommand(output))
    .addCommand(approveCommand(output))
    .addCommand(activateCommand(output))
    .addCommand(rollbackCommand(output))
    .addCommand(requireApprovalCommand(output))
    .addCommand(waitingCommand(output))
    .addCommand(settleCommand("confirm", output))
    .addCommand(settleCommand("refuse", output));
}
