import type { RolloutStepName, ShownRollout } from "@tripline/system/client/rollout-client";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { rolloutText } from "../../models/rollout-text.js";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { wholeNumber } from "../number-options.js";
import { durationMs } from "../parse-duration.js";

interface RolloutFlags extends ControlFlags {
  readonly model: string;
  readonly json?: boolean;
}

interface StepFlags extends RolloutFlags {
  readonly why?: string;
}

interface StartFlags extends StepFlags {
  readonly canary?: boolean;
  readonly auto?: boolean;
  readonly steps?: readonly number[];
  readonly stepTime?: string;
  readonly shadowTime?: string;
  readonly matureLabels?: number;
  readonly withoutComparison?: true;
}

const MS_PER_S = 1_000;

/** The rollout commands of `tripline models`, which call the control plane. */
export function rolloutCommands(output: CommandOutput): Command[] {
  const show = (flags: RolloutFlags, rollout: ShownRollout): void => showRollout(output, flags, rollout);
  return [
    command("status", "show the stage of a rollout, the guards' findings, and each step with its author").action(
      async (flags: RolloutFlags) => show(flags, await (await clientOf(flags)).status(flags.model)),
    ),
    command("rollout", "roll out a version: shadow, then a growing share of cards, then champion")
      .argument("<version>", "a version or an alias")
      .option("--canary", "skip shadow: start with the first canary step as soon as scoring has loaded the version")
      .option("--auto", "advance automatically to champion unless a guard detects a breach")
      .option("--steps <percents>", "shares of cards, for example 1,5,25,50", percents)
      .option("--step-time <duration>", "minimum time per step, with --auto")
      .option("--shadow-time <duration>", "minimum shadow time, with --auto")
      .option(
        "--mature-labels <count>",
        "number of its own alerts that need mature labels before the version gets more than 5 % of cards (default: 200)",
        wholeNumber,
      )
      .option("--without-comparison", "roll out a version that was not compared with the champion; requires --why")
      .option("--why <text>", "the reason, for the record")
      .action(async (candidate: string, flags: StartFlags) => {
        const { model, why, canary, auto, steps, stepTime, shadowTime, matureLabels } = flags;
        const rollout = await (await clientOf(flags)).start({
          model,
          candidate,
          auto: auto === true,
          begin_with: canary === true ? "canary" : "shadow",
          ...(flags.withoutComparison === true ? { without_comparison: true } : {}),
          ...(why === undefined ? {} : { why }),
          ...(steps === undefined ? {} : { steps_percent: steps }),
          ...(stepTime === undefined ? {} : { step_seconds: secondsOf(stepTime) }),
          ...(shadowTime === undefined ? {} : { shadow_seconds: secondsOf(shadowTime) }),
          ...(matureLabels === undefined ? {} : { guards: { mature_labels_min: matureLabels } }),
        });
        show(flags, rollout);
      }),
    ...[
      stepCommand("advance", "advance to the next share of cards, or promote to champion after the last"),
      stepCommand("hold", "stay at this share until you resume or advance; the guards stay active"),
      stepCommand("resume", "resume a rollout on hold"),
    ].map((step) =>
      step.action(async (flags: StepFlags) => {
        await stepRollout(output, step.name() as RolloutStepName, flags);
      }),
    ),
  ];
}

/** Takes a rollout step and shows the result. */
export async function stepRollout(output: CommandOutput, step: RolloutStepName, flags: StepFlags): Promise<void> {
  showRollout(output, flags, await (await clientOf(flags)).step(flags.model, step, flags.why));
}

function showRollout(output: CommandOutput, { json }: RolloutFlags, rollout: ShownRollout): void {
  output.write(json === true ? `${JSON.stringify(rollout, null, 2)}\n` : rolloutText(rollout));
}

async function clientOf(flags: ControlFlags): Promise<RolloutClient> {
  return new RolloutClient(await openControl(flags));
}

function command(name: string, description: string): Command {
  return controlCommand(name, description)
    .option("--model <name>", "which model", MODEL_NAME)
    .option("--json", "print JSON");
}

function stepCommand(name: RolloutStepName, description: string): Command {
  return command(name, description).option("--why <text>", "the reason, for the record");
}

function secondsOf(text: string): number {
  return Math.round(durationMs(text) / MS_PER_S);
}

function percents(text: string): number[] {
  const steps = text.split(",").map(Number);
  if (steps.every((step) => step > 0 && step <= 100)) return steps;
  throw new InvalidArgumentError("It must be a comma-separated list of percentages.");
}
