import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";

interface CardFlags extends ControlFlags {
  readonly model: string;
  readonly owner?: string;
  readonly expires?: string;
}

const shownCard = z.object({
  ...{ owner: z.string(), expires_at: z.string(), registered_by: z.string(), signed_by: z.string().nullable() },
});

/** `tripline models card` and `tripline models sign`: the model card of a version, as a contract. */
export function cardCommands(output: CommandOutput): Command[] {
  const command = (name: string, description: string): Command =>
    controlCommand(name, description)
      .argument("<version>", "a version or an alias")
      .option("--model <name>", "which model", MODEL_NAME);
  return [
    command("card", "show the model card of a version, or register it with --owner and --expires")
      .option("--owner <name>", "who answers for the model; registering a card removes its signature")
      .option("--expires <time>", "until when the version may become the champion, for example 2027-03-01T00:00:00Z")
      .action(async (version: string, flags: CardFlags) => {
        const control = await openControl(flags);
        const path = `/v1/models/${flags.model}/versions/${version}`;
        const { owner, expires } = flags;
        if ((owner === undefined) !== (expires === undefined)) throw new Error("Specify both --owner and --expires.");
        if (owner !== undefined) {
          await control.call("PUT", `${path}/card`, { body: { owner, expires_at: expires } });
          output.write(`Registered. Another user must sign it: tripline models sign ${version}\n`);
          return;
        }
        const card = shownCard.parse(await control.call("GET", `${path}/card`));
        const signed = card.signed_by === null ? "not signed" : `signed by ${card.signed_by}`;
        output.write(
          `owner ${card.owner}, expires ${card.expires_at}, registered by ${card.registered_by}, ${signed}\n`,
        );
      }),
    command("sign", "sign the model card of a version that another user registered").action(
      async (version: string, flags: CardFlags) => {
        const control = await openControl(flags);
        await control.call("POST", `/v1/models/${flags.model}/versions/${version}/signature`, { body: {} });
        output.write(`${flags.model} ${version} is signed.\n`);
      },
    ),
  ];
}
