import { WEBHOOK_EVENT_TYPES } from "@tripline/contracts/webhook-events";
import type { ControlClient } from "@tripline/system/client/control-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Option } from "commander";
import { table } from "../../models/table.js";
import { commaSeparated } from "../auth/people.js";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { wholeNumber } from "../number-options.js";
import type { ShownEndpoint } from "./answers.js";
import { conditionOf, shownEndpoint, shownEndpoints, shownNew, shownSecret } from "./answers.js";
import { ENDPOINT_ARGUMENT, ENDPOINTS, pathOf } from "./webhook-options.js";

interface AddFlags extends ControlFlags {
  readonly events: readonly string[];
  readonly description: string;
}

interface UpdateFlags extends ControlFlags {
  readonly url?: string;
  readonly events?: readonly string[];
  readonly description?: string;
}

const EVENTS_OPTION = ["--events <types>", `event types, comma-separated: ${WEBHOOK_EVENT_TYPES.join(", ")}`] as const;

export function addCommand(output: CommandOutput): Command {
  return controlCommand("add", "add an endpoint, and print its signing secret")
    .argument("<url>", "URL of your server, https://…")
    .addOption(new Option(...EVENTS_OPTION).argParser(commaSeparated).makeOptionMandatory())
    .option("--description <text>", "a description for users", "")
    .action(async (url: string, { events, description, ...flags }: AddFlags) => {
      const client = await openControl(flags);
      const body = { url, event_types: events, description };
      const { endpoint, secret } = shownNew.parse(await client.call("POST", ENDPOINTS, { body }));
      output.write(`Endpoint ${endpoint.id} was added. Its secret, which is not shown again:\n${secret}\n`);
    });
}

export function listCommand(output: CommandOutput): Command {
  return controlCommand("list", "show endpoints").action(async (flags: ControlFlags) => {
    const client = await openControl(flags);
    const { endpoints } = shownEndpoints.parse(await client.call("GET", ENDPOINTS));
    if (endpoints.length === 0) return void output.write("No webhook endpoints.\n");
    const rows = endpoints.map((one) => [one.id, one.url, one.event_types.join(","), conditionOf(one)]);
    output.write(table(rows));
  });
}

export function updateCommand(output: CommandOutput): Command {
  return controlCommand("update", "change an endpoint")
    .argument(...ENDPOINT_ARGUMENT)
    .option("--url <url>", "URL of your server")
    .addOption(new Option(...EVENTS_OPTION).argParser(commaSeparated))
    .option("--description <text>", "a description for users")
    .action(async (id: string, { url, events, description, ...flags }: UpdateFlags) => {
      const client = await openControl(flags);
      const found = await find(client, id);
      await put(client, found, {
        url: url ?? found.url,
        event_types: events ?? found.event_types,
        description: description ?? found.description,
        is_paused: found.paused_because !== null,
      });
      output.write(`Endpoint ${id} was changed.\n`);
    });
}

export function stateCommand(output: CommandOutput, name: "pause" | "resume"): Command {
  const description = {
    pause: "pause sending; events are stored until sending resumes",
    resume: "resume sending, even after an automatic pause",
  };
  return controlCommand(name, description[name])
    .argument(...ENDPOINT_ARGUMENT)
    .action(async (id: string, flags: ControlFlags) => {
      const client = await openControl(flags);
      const found = await find(client, id);
      const { url, event_types, description: text } = found;
      await put(client, found, { url, event_types, description: text, is_paused: name === "pause" });
      output.write(`Endpoint ${id} was ${name}d.\n`);
    });
}

export function removeCommand(output: CommandOutput): Command {
  return controlCommand("remove", "remove an endpoint with its delivery log")
    .argument(...ENDPOINT_ARGUMENT)
    .action(async (id: string, flags: ControlFlags) => {
      await (await openControl(flags)).call("DELETE", pathOf(id));
      output.write(`Endpoint ${id} was removed.\n`);
    });
}

export function rotateCommand(output: CommandOutput): Command {
  return controlCommand("rotate", "replace the signing secret, and print the new one")
    .argument(...ENDPOINT_ARGUMENT)
    .addOption(
      new Option(
        "--overlap-hours <hours>",
        "hours during which messages are also signed with the old secret; 0 invalidates it immediately",
      )
        .argParser(wholeNumber)
        .default(24),
    )
    .action(async (id: string, { overlapHours, ...flags }: ControlFlags & { readonly overlapHours: number }) => {
      const client = await openControl(flags);
      const body = { overlap_hours: overlapHours };
      const { secret } = shownSecret.parse(await client.call("POST", `${pathOf(id)}/secret`, { body }));
      output.write(`The new secret, which is not shown again:\n${secret}\n`);
    });
}

async function find(client: ControlClient, id: string): Promise<ShownEndpoint> {
  return shownEndpoint.parse(await client.call("GET", pathOf(id)));
}

async function put(client: ControlClient, { id }: ShownEndpoint, body: object): Promise<void> {
  await client.call("PUT", pathOf(id), { body });
}
