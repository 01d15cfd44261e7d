import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Argument, Option } from "commander";
import type { PolicyFlags } from "./control-options.js";
import { noteOption, openPolicy, policyCommandOf } from "./control-options.js";

interface RequireApprovalFlags extends PolicyFlags {
  readonly for: "policy" | "lists";
  readonly breakGlass?: true;
  readonly note: string;
}

/** `tripline policy require-approval`: sets which changes need a second user's approval. */
export function requireApprovalCommand(output: CommandOutput): Command {
  return policyCommandOf(
    "require-approval",
    "set whether another user must approve changes; to switch approval off, another user must confirm",
  )
    .addArgument(new Argument("<needed>").choices(["yes", "no"]))
    .addOption(
      new Option("--for <what>", "policy revisions, or list entries that affect many payments")
        .choices(["policy", "lists"])
        .default("policy"),
    )
    .option(
      "--break-glass",
      "switch approval off after an hour without a second user; requires --note and sends an alert",
    )
    .addOption(noteOption("why"))
    .action(async (needed: string, flags: RequireApprovalFlags) => {
      const policies = await openPolicy(flags, "approver");
      const setting = flags.for === "lists" ? "lists_need_approval" : "needs_approval";
      const [waiting] = await policies.changeSettings({
        [setting]: needed === "yes",
        note: flags.note,
        ...(flags.breakGlass === true ? { break_glass: true } : {}),
      });
      const of = flags.for === "lists" ? "list entries that affect many payments" : "revisions";
      if (waiting === undefined) {
        output.write(`approval of ${of} by another user ${needed === "yes" ? "is" : "is not"} required\n`);
        return;
      }
      const how =
        waiting.takes_effect_at === null
          ? `another user must confirm it by ${waiting.expires_at}: tripline policy confirm ${waiting.id}`
          : `it takes effect at ${waiting.takes_effect_at} unless another user rejects it: tripline policy refuse ${waiting.id}`;
      output.write(`approval of ${of} is still required; ${how}\n`);
    });
}
