import { InvalidArgumentError, Option } from "commander";
import type { BenchContext } from "./bench-context.js";

const ROUND_MS_MIN = 50;
const ROUND_MS_MAX = 600_000;

/** For a benchmark whose rounds have a fixed length. */
export function roundMsOption(): Option {
  return new Option("--round-ms <milliseconds>", "length of a round").argParser((text: string) => {
    const roundMs = Number(text);
    if (Number.isInteger(roundMs) && roundMs >= ROUND_MS_MIN && roundMs <= ROUND_MS_MAX) return roundMs;
    throw new InvalidArgumentError(`It must be a whole number from ${ROUND_MS_MIN} to ${ROUND_MS_MAX}.`);
  });
}

/** The requested length, or else the part's default. */
export function roundMsOr({ flags }: BenchContext, roundMsDefault: number): number {
  return typeof flags.roundMs === "number" ? flags.roundMs : roundMsDefault;
}
