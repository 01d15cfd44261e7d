import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Option } from "commander";
import { table } from "../../models/table.js";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { wholeNumber } from "../number-options.js";
import { resultOf, shownDeliveries, shownReplay, shownTest } from "./answers.js";
import { ENDPOINT_ARGUMENT, pathOf } from "./webhook-options.js";

interface LogFlags extends ControlFlags {
  readonly endpoint?: string;
  readonly event?: string;
  readonly type?: string;
  readonly state?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly json?: true;
}

interface ReplayFlags extends ControlFlags {
  readonly event?: string;
  readonly from?: string;
  readonly to?: string;
  readonly state?: string;
}

const PAGE = 200;

export function testCommand(output: CommandOutput): Command {
  return controlCommand("test", "send a test event")
    .argument(...ENDPOINT_ARGUMENT)
    .action(async (id: string, flags: ControlFlags) => {
      const client = await openControl(flags);
      const { event_id } = shownTest.parse(await client.call("POST", `${pathOf(id)}/test`));
      output.write(`Test event ${event_id} is being sent. See it with: webhooks log --event ${event_id}\n`);
    });
}

export function logCommand(output: CommandOutput): Command {
  return controlCommand("log", "show the delivery log, newest first")
    .option("--endpoint <id>", "only this endpoint")
    .option("--event <id>", "only this event")
    .option("--type <type>", "only this event type")
    .addOption(new Option("--state <state>", "only this state").choices(["pending", "delivered", "failed"]))
    .option("--from <time>", "only events since this time, such as 2026-12-03T14:00:00Z")
    .option("--to <time>", "only events before this time")
    .addOption(new Option("--limit <count>", "maximum number of deliveries").argParser(wholeNumber).default(PAGE))
    .option("--json", "print JSON lines")
    .action(async (flags: LogFlags) => {
      const client = await openControl(flags);
      let left = flags.limit;
      let before: number | null | undefined;
      while (left > 0 && before !== null) {
        const query = queryOf(flags, Math.min(left, PAGE), before);
        const { deliveries, next } = shownDeliveries.parse(
          await client.call("GET", "/v1/webhooks/deliveries", { query }),
        );
        if (deliveries.length === 0 && before === undefined && flags.json !== true) output.write("No deliveries.\n");
        const lines = deliveries.map((one) => [
          one.occurred_at,
          one.event_id,
          one.event_type,
          one.state,
          resultOf(one),
        ]);
        output.write(flags.json === true ? deliveries.map((one) => `${JSON.stringify(one)}\n`).join("") : table(lines));
        left -= deliveries.length;
        before = next;
      }
    });
}

export function replayCommand(output: CommandOutput): Command {
  return controlCommand("replay", "resend events that were delivered or failed")
    .argument(...ENDPOINT_ARGUMENT)
    .option("--event <id>", "this event")
    .option("--from <time>", "events since this time, such as 2026-12-03T14:00:00Z")
    .option("--to <time>", "events before this time")
    .addOption(new Option("--state <state>", "only this state").choices(["delivered", "failed"]))
    .action(async (id: string, { event, from, to, state, ...flags }: ReplayFlags) => {
      const client = await openControl(flags);
      let count = 0;
      let since: string | null | undefined = from;
      do {
        const body = { event_id: event, from: since, to, state };
        const { replayed, next } = shownReplay.parse(await client.call("POST", `${pathOf(id)}/replay`, { body }));
        count += replayed;
        since = next;
      } while (since !== null);
      output.write(`${count} ${count === 1 ? "event is" : "events are"} being resent.\n`);
    });
}

function queryOf({ endpoint, event, type, state, from, to }: LogFlags, limit: number, before: number | undefined) {
  const query = new URLSearchParams({ limit: String(limit) });
  const given = { endpoint, event_id: event, type, state, from, to, before };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, String(value));
  return query;
}
