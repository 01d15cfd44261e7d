import { CURRENCIES } from "@tripline/contracts/currency";
import { CARD_TOKEN_PATTERN, isCardNumber, normalAddress, normalEmail } from "@tripline/contracts/identifiers";
import { countryCode } from "./column-words.js";
import { cardDigits } from "./tokenise-values.js";

/** A sample of a column's texts. Shares exclude missing texts. */
export interface ColumnProfile {
  readonly name: string;
  readonly values: readonly string[];
  readonly distinct: ReadonlySet<string>;
  readonly filled: number;
  readonly share: (is: (value: string) => boolean) => number;
}

/** Texts that usually mean that a value is missing. */
export const MISSING_TEXTS: ReadonlySet<string> = new Set(["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "-"]);

export function profileColumn(name: string, texts: readonly (string | null)[]): ColumnProfile {
  const values = texts.map((text) => text?.trim() ?? "").filter((text) => !MISSING_TEXTS.has(text));
  return {
    name,
    values,
    distinct: new Set(values),
    filled: texts.length === 0 ? 0 : values.length / texts.length,
    share: (is) => (values.length === 0 ? 0 : values.filter(is).length / values.length),
  };
}

/** Share of a column's values that must have the same kind. */
const MOST = 0.98;

const currencies: ReadonlySet<string> = new Set(CURRENCIES);

const POINT_NUMBER = /^-?(?:\d{1,3}(?:[,' \u00a0]\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const COMMA_NUMBER = /^-?(?:\d{1,3}(?:[.' \u00a0]\d{3})+|\d+),\d{1,4}$/;
const WHOLE = /^-?\d+$/;

export const looksLike = {
  cardNumber: (column: ColumnProfile) => column.share((value) => isCardNumber(cardDigits(value))) >= MOST,
  cardToken: (column: ColumnProfile) => column.share((value) => CARD_TOKEN_PATTERN.test(value)) >= MOST,
  email: (column: ColumnProfile) => column.share((value) => normalEmail(value) !== undefined) >= MOST,
  address: (column: ColumnProfile) => column.share((value) => normalAddress(value) !== undefined) >= MOST,
  country: (column: ColumnProfile) => column.share((value) => countryCode(value) !== undefined) >= MOST,
  currency: (column: ColumnProfile) => column.share((value) => currencies.has(value.toUpperCase())) >= MOST,
  whole: (column: ColumnProfile) => column.share((value) => WHOLE.test(value)) >= MOST,
  number: (column: ColumnProfile) => column.share((value) => POINT_NUMBER.test(value)) >= MOST,
  commaNumber: (column: ColumnProfile) =>
    column.share((value) => COMMA_NUMBER.test(value) || WHOLE.test(value)) >= MOST &&
    column.values.some((value) => value.includes(",")),
  /** Most values have two decimals. */
  money: (column: ColumnProfile) =>
    column.share((value) => /^-?(?:\d{1,3}(?:[.,' \u00a0]\d{3})+|\d+)[.,]\d{2}$/.test(value)) >= MOST,
  within: (column: ColumnProfile, [least, greatest]: readonly [number, number]) =>
    column.share((value) => POINT_NUMBER.test(value) && Number(value) >= least && Number(value) <= greatest) >= MOST,
} as const;

/** Proposed source of a time. */
export interface TimeProposal {
  readonly format?: string;
  readonly step?: string;
  readonly start?: string;
}

/** Local formats. `dayFirst` is set if day and month could be confused. */
const LOCAL_FORMATS: readonly (readonly [pattern: RegExp, format: string, dayFirst?: boolean])[] = [
  [/^(\d{1,2})\.(\d{1,2})\.\d{4} \d{1,2}:\d{2}:\d{2}$/, "%d.%m.%Y %H:%M:%S"],
  [/^(\d{1,2})\.(\d{1,2})\.\d{4} \d{1,2}:\d{2}$/, "%d.%m.%Y %H:%M"],
  [/^(\d{1,2})\.(\d{1,2})\.\d{4}$/, "%d.%m.%Y"],
  [/^(\d{1,2})\/(\d{1,2})\/\d{4} \d{1,2}:\d{2}:\d{2}$/, "%d/%m/%Y %H:%M:%S", true],
  [/^(\d{1,2})\/(\d{1,2})\/\d{4} \d{1,2}:\d{2}:\d{2}$/, "%m/%d/%Y %H:%M:%S", false],
  [/^(\d{1,2})\/(\d{1,2})\/\d{4} \d{1,2}:\d{2}$/, "%d/%m/%Y %H:%M", true],
  [/^(\d{1,2})\/(\d{1,2})\/\d{4} \d{1,2}:\d{2}$/, "%m/%d/%Y %H:%M", false],
  [/^(\d{1,2})\/(\d{1,2})\/\d{4}$/, "%d/%m/%Y", true],
  [/^(\d{1,2})\/(\d{1,2})\/\d{4}$/, "%m/%d/%Y", false],
  [/^20\d{12}$/, "%Y%m%d%H%M%S"],
];
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$/;
/** Ends with an offset. The colon of the time excludes plain dates. */
const OFFSET = /:.*(?:Z|[+-]\d{2}(?::?\d{2})?)$/;
/** 2001 to 2100. */
const EPOCH_S = [1e9, 4.1e9] as const;
const EPOCH_MS = [1e12, 4.1e12] as const;
const STEPS_MAX = 1e9;
const UNITS: readonly (readonly [name: RegExp, unit: string])[] = [
  [/day/i, "1d"],
  [/hour|step/i, "1h"],
  [/min/i, "1m"],
];

/** The time format of a column; undefined if its texts are not times. */
export function timeOf(column: ColumnProfile): TimeProposal | undefined {
  if (column.share((value) => ISO.test(value)) >= MOST) return { format: "iso" };
  for (const [pattern, format, dayFirst] of LOCAL_FORMATS) {
    if (column.share((value) => pattern.test(value)) < MOST) continue;
    if (dayFirst !== undefined && !fits(column, pattern, dayFirst)) continue;
    return { format };
  }
  if (!looksLike.number(column)) return undefined;
  const within = ([min, max]: readonly [number, number]) =>
    column.share((value) => Number(value) >= min && Number(value) <= max) >= MOST;
  if (within(EPOCH_S)) return { format: "epoch_s" };
  if (within(EPOCH_MS)) return { format: "epoch_ms" };
  if (!within([0, STEPS_MAX])) return undefined;
  const unit = UNITS.find(([name]) => name.test(column.name))?.[1] ?? "1s";
  return { step: unit, start: "2026-01-01T00:00:00Z" };
}

/** Assumptions about a column's times, for the user to check. */
export function timeGuesses(column: ColumnProfile): string[] {
  const { format, step, start } = timeOf(column) ?? {};
  const { name } = column;
  if (step !== undefined) return [`${name} counts steps; the step length ${step} and the start ${start} are guesses`];
  const local = LOCAL_FORMATS.find(([, one]) => one === format);
  const couldSwap = local?.[2] === true && fits(column, local[0], false);
  const isIsoWithoutZone = format === "iso" && column.values.some((value) => ISO.test(value) && !OFFSET.test(value));
  const lacksZone = local !== undefined || isIsoWithoutZone;
  return [
    ...(couldSwap ? [`${name} may have the month before the day; ${format} is a guess`] : []),
    ...(lacksZone ? [`${name} has no time zone; UTC is a guess, so add time_zone if it is local time`] : []),
  ];
}

/** Whether, with day and month in this order, no value in the sample has a month above 12. */
function fits(column: ColumnProfile, pattern: RegExp, dayFirst: boolean): boolean {
  return column.values.every((value) => {
    const [, first = "", second = ""] = pattern.exec(value) ?? [];
    return Number(dayFirst ? second : first) <= 12;
  });
}
