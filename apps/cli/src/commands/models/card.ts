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
  ...{ version: z.string(), owner: z.string(), expires_at: z.string() },
  ...{ registered_by: z.string(), registered_at: z.string(), signed_by: z.string().nullable() },
});

const ANY = "a version or an alias";

/** `tripline models card` and `tripline models sign`: the model card of a version, as a contract. */
export function cardCommands(output: CommandOutput): Command[] {
  const command = (name: string, description: string, argument: string): Command =>
    controlCommand(name, description)
      .argument("<version>", argument)
      .option("--model <name>", "which model", MODEL_NAME);
  return [
    command("card", "show the model card of a version, or register it with --owner and --expires", ANY)
      .option("--owner <name>", "who answers for the model; registering a card removes its signature")
      .option("--expires <time>", "deadline for the promotion to champion, for example 2027-03-01T00:00:00Z")
      .action(async (version: string, flags: CardFlags) => {
        const control = await openControl(flags);
        const path = `/v1/models/${flags.model}/versions/${version}`;
        const { owner, expires } = flags;
        if ((owner === undefined) !== (expires === undefined)) throw new Error("Specify both --owner and --expires.");
        if (owner !== undefined) {
          await control.call("PUT", `${path}/card`, { body: { owner, expires_at: expires } });
          const card = shownCard.parse(await control.call("GET", `${path}/card`));
          output.write(`Registered. Another user must sign it: tripline models sign ${card.version}\n`);
          return;
        }
        output.write(describeCard(shownCard.parse(await control.call("GET", `${path}/card`))));
      }),
    command(
      "sign",
      "show the model card of a version that another user registered, and sign it",
      "a version; an alias is rejected, because it can move",
    ).action(async (version: string, flags: CardFlags) => {
      const control = await openControl(flags);
      const path = `/v1/models/${flags.model}/versions/${version}`;
      const card = shownCard.parse(await control.call("GET", `${path}/card`));
      output.write(describeCard(card));
      const { owner, expires_at, registered_at } = card;
      await control.call("POST", `${path}/signature`, { body: { owner, expires_at, registered_at } });
      output.write(`${flags.model} ${version} is signed.\n`);
    }),
  ];
}

function describeCard(card: z.infer<typeof shownCard>): string {
  const signed = card.signed_by === null ? "not signed" : `signed by ${card.signed_by}`;
  const registered = `registered by ${card.registered_by} at ${card.registered_at}`;
  return `${card.version}: owner ${card.owner}, expires ${card.expires_at}, ${registered}, ${signed}\n`;
}
