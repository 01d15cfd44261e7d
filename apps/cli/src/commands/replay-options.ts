import { availableParallelism } from "node:os";
import { TriplineError } from "@tripline/contracts/error-table";
import { isDay } from "@tripline/lake/lake-layout";
import { InvalidArgumentError, Option } from "commander";
import { positiveNumber } from "./number-options.js";

/* Options of the commands that replay archived payments. */

const DAY_MS = 86_400_000;
const TIME_PATTERN = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

export function fromOption(): Option {
  return new Option("--from <time>", "start of the range: a day (UTC) or a time")
    .argParser(parseFrom)
    .makeOptionMandatory();
}

export function toOption(): Option {
  return new Option("--to <time>", "end of the range: the last day (UTC), or a time (exclusive)")
    .argParser(parseTo)
    .makeOptionMandatory();
}

export function scorecardOption(): Option {
  return new Option("--scorecard <file>", "a scorecard that is not in the registry; repeatable")
    .argParser((file: string, files: readonly string[]) => [...files, file])
    .default([], "none");
}

export function threadsOption(): Option {
  return new Option("--threads <count>", "decision threads")
    .argParser(positiveNumber)
    .default(availableParallelism(), "one per core");
}

/** @throws TriplineError `invalid-field` for a range that ends before it starts */
export function requireRange({ from, to }: { readonly from: number; readonly to: number }): void {
  if (from < to) return;
  const detail = "--from must be before --to. A day given as --to is included completely.";
  throw new TriplineError("invalid-field", detail);
}

function parseFrom(text: string): number {
  return isDay(text) || TIME_PATTERN.test(text) ? wholeMs(text) : wrongTime();
}

function parseTo(text: string): number {
  return isDay(text) ? wholeMs(text) + DAY_MS : parseFrom(text);
}

function wholeMs(text: string): number {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? wrongTime() : ms;
}

function wrongTime(): never {
  throw new InvalidArgumentError("It must be a day, such as 2026-03-01, or a time, such as 2026-03-01T12:00:00Z.");
}
