import type { Extent } from "./extent.js";
import { entriesOf, largestOf, parsedFrom, SCALAR, textOf } from "./extent.js";

/** The work of an operator or function itself. */
export interface Work {
  /** About 20 ns each. */
  readonly steps: number;
  made(): Extent;
}

type WorkOf = (operands: readonly Extent[]) => Work;

const CHARACTERS_PER_STEP = 64;
/** Entries. */
export const COMPARED_PER_STEP = 4;
const COPIED_PER_STEP = 4;
/** Maximum number of digits of a double as an integer. */
const DIGITS_MAX = 310;
/** A time is formatted for a time zone and parsed again. */
const TIME_ZONE_STEPS = 3_000;
const LISTS_NAMED_STEPS = 20;

/**
 * The work of an operator or function for its operands, the receiver first. The estimate of a policy and the count for
 * a payment share this definition.
 */
export function workOf(name: string, operands: readonly Extent[]): Work {
  return (WORK.get(name) ?? unknownWork)(operands);
}

const portions = (amount: number, size: number): number => Math.ceil(amount / size);
const scalar = (): Extent => SCALAR;
const work = (steps: number, made: () => Extent = scalar): Work => ({ steps, made });
const looksAt = (length: number): Work => work(1 + portions(length, CHARACTERS_PER_STEP));
const copies = (length: number, made: () => Extent): Work => work(1 + portions(length, COPIED_PER_STEP), made);

const simple: WorkOf = () => work(1);
/** Counts the measured size, because measuring a value may take longer than comparing it. */
const equality: WorkOf = ([one = SCALAR, other = SCALAR]) => {
  return work(1 + portions(one.deep + other.deep, COMPARED_PER_STEP));
};
const order: WorkOf = ([one = SCALAR, other = SCALAR]) => work(1 + Math.min(one.deep, other.deep));
const sum: WorkOf = ([one = SCALAR, other = SCALAR]) => copies(one.length + other.length, () => joined(one, other));
const access: WorkOf = ([one = SCALAR]) => work(1, () => one.item ?? one);
const literal: WorkOf = (entries) => work(1, () => entriesOf(entries.length, largestOf(entries)));

const looksFor: WorkOf = ([, sought = SCALAR]) => looksAt(sought.length);
const searches: WorkOf = ([{ length } = SCALAR, sought = SCALAR]) => looksAt(length * Math.max(1, sought.length));
const converts: WorkOf = ([{ length } = SCALAR]) => looksAt(length);
/** Creates a text at most `times` as long as the input. */
const rewrites =
  (times: number, atLeast = 0): WorkOf =>
  ([{ length } = SCALAR]) =>
    copies(length, () => textOf(Math.max(atLeast, times * length)));
const readsTime: WorkOf = ([, zone]) => work(zone === undefined ? 1 : TIME_ZONE_STEPS);

function joined(one: Extent, other: Extent): Extent {
  const length = one.length + other.length;
  const items = [one, other].flatMap(({ item }) => (item === undefined ? [] : [item]));
  return items.length === 0 ? textOf(length) : entriesOf(length, largestOf(items));
}

const splits: WorkOf = ([{ length } = SCALAR]) =>
  work(1 + 2 * length, () => ({ ...entriesOf(length + 1, textOf(length)), deep: 2 * (length + 1) }));

const joins: WorkOf = ([{ length, item = SCALAR } = SCALAR, separator = textOf(0)]) => {
  const characters = length * (item.length + separator.length);
  return copies(length + characters, () => textOf(characters));
};

/** For functions that are added later, until their cost is defined. */
const unknownWork: WorkOf = (operands) => {
  const length = operands.reduce((total, one) => total + one.length + one.deep, 0);
  return copies(length, () => textOf(length));
};

const TIME_PARTS = ["Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "FullYear", "Hours", "Milliseconds", "Minutes"];

const WORK: ReadonlyMap<string, WorkOf> = new Map([
  ...["&&", "||", "!_", "-_", "-", "*", "/", "%", "type", "at"].map((name) => [name, simple] as const),
  ...["==", "!="].map((name) => [name, equality] as const),
  ...["<", "<=", ">", ">="].map((name) => [name, order] as const),
  ["in", ([, list = SCALAR]) => work(1 + portions(list.deep, COMPARED_PER_STEP))],
  ["+", sum],
  [".", access],
  ["[]", access],
  ["?:", ([, ...sides]) => work(1, () => largestOf(sides))],
  ["list", literal],
  ["map", literal],
  ["dyn", ([one = SCALAR]) => work(1, () => one)],
  ["size", ([{ length } = SCALAR]) => work(1 + portions(length, COPIED_PER_STEP))],
  ["startsWith", looksFor],
  ["endsWith", looksFor],
  ["contains", searches],
  ["indexOf", searches],
  ["lastIndexOf", searches],
  // A few characters become three when their case is changed.
  ["lowerAscii", rewrites(3)],
  ["upperAscii", rewrites(3)],
  ["trim", rewrites(1)],
  ["substring", rewrites(1)],
  ["string", rewrites(1, DIGITS_MAX)],
  ["bytes", rewrites(3)],
  ["hex", rewrites(2)],
  ["base64", rewrites(2)],
  ["split", splits],
  ["join", joins],
  ["json", ([{ length } = SCALAR]) => work(1 + length, () => parsedFrom(length))],
  ...["bool", "int", "uint", "double", "timestamp"].map((name) => [name, converts] as const),
  // The operation tries each position of the text with each split of its digits.
  ["duration", ([{ length } = SCALAR]) => looksAt(length ** 3)],
  ...[...TIME_PARTS, "Month", "Seconds"].map((part) => [`get${part}`, readsTime] as const),
  ["named", () => work(LISTS_NAMED_STEPS)],
] satisfies (readonly [string, WorkOf])[]);
