import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import { InvalidArgumentError, Option } from "commander";
import type { ControlFlags } from "../control-options.js";
import { durationMs } from "../parse-duration.js";
import { readToken, STDIN } from "../read-token.js";

export const LIST_ARGUMENT = ["<list>", "deny, watch, allow, or a custom name"] as const;

export function kindOption(description = "kind of the entry"): Option {
  return new Option("--kind <kind>", description).choices(LIST_KINDS);
}

const VALUE =
  `a token such as ct_… or et_…, or the ID of a terminal; ${STDIN} computes the token from standard input: a card number, a ` +
  "device ID, an e-mail address, an IP address, or a range such as 198.51.100.0/24";

export function valueOption(): Option {
  return new Option("--value <text>", VALUE);
}

/** @throws Error in one sentence if standard input contains another kind of value */
export async function readValue(
  { kind, value, ...flags }: ControlFlags & { readonly kind: string; readonly value: string },
  input: AsyncIterable<Uint8Array>,
): Promise<string> {
  return value === STDIN ? readToken(input, [kind], flags) : value;
}

export function effectOption(): Option {
  return new Option("--effect <effect>", "effect of a custom list; required for its first entry").choices(LIST_EFFECTS);
}

export function expiryOption(): Option {
  const description = "expiry: a time such as 2026-12-03T14:00:00Z, or a duration such as 30d (default: never)";
  return new Option("--until <time>", description).argParser(parseEnd);
}

/** @returns RFC 3339 */
function parseEnd(text: string): string {
  const ms = /^\d{4}-/.test(text) ? Date.parse(text) : Date.now() + durationMs(text);
  if (Number.isNaN(ms))
    throw new InvalidArgumentError("It must be a time, such as 2026-12-03T14:00:00Z, or a duration, such as 30d.");
  return new Date(ms).toISOString();
}
