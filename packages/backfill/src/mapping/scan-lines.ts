import { isUtf8 } from "node:buffer";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Mapping } from "./mapping.js";
import { ByteCensus, linesOf, notUtf8, openBytes, openText, UTF_8 } from "./open-text.js";

/*
 * An unclosed quote would swallow the rest of a CSV file, so lines are scanned before they are parsed. A line with an
 * even number of quotes is a complete record. A line with an odd number is broken, or starts or ends a value that
 * contains line breaks.
 */

/** The result of the scan. Lines are numbered from 1. */
export interface ScannedLines {
  /** Whether a line has an odd number of quotes or is not UTF-8, or the file mixes line breaks. */
  readonly isIrregular: boolean;
  readonly blank: readonly number[];
}

export interface CsvHeader {
  readonly delimiter: string;
  readonly columns: readonly string[];
}

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = '"';
/** A file with more blank lines than this is not a table. */
const BLANK_MAX = 1_000_000;
const DELIMITERS = [",", ";", "\t", "|"];
const BYTE_ORDER_MARK = "\uFEFF";

/** The format of a CSV file, with defaults. */
export const csvFormat = ({ quote = QUOTE, encoding = UTF_8, ...rest }: Mapping["csv"]) => ({
  quote,
  encoding,
  ...rest,
});
export type CsvFormat = ReturnType<typeof csvFormat>;

/**
 * The columns and delimiter of a CSV file. The delimiter is the most frequent candidate in the first line.
 *
 * @throws TriplineError `invalid-field` for an empty file, or a header that is not in the file's encoding
 */
export async function readHeader(file: string, csv: Mapping["csv"]): Promise<CsvHeader> {
  const { quote, delimiter, encoding } = csvFormat(csv);
  for await (const bytes of linesOf(openText(file, encoding), file)) {
    if (!isUtf8(bytes)) throw await notUtf8(file);
    const text = bytes.toString();
    const line = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    const candidates = delimiter === undefined ? DELIMITERS : [delimiter];
    const split = candidates.map((one) => ({ delimiter: one, columns: splitRecord(line, quote, one) }));
    const [best] = split.toSorted((left, right) => right.columns.length - left.columns.length);
    if (best !== undefined) return { ...best, columns: distinctNames(best.columns) };
  }
  throw new TriplineError("invalid-field", `${file} is empty.`);
}

/** Appends the column's number to empty or repeated names. */
function distinctNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name, index) => {
    const own = name.trim() === "" || seen.has(name.trim()) ? `${name.trim()}_${index + 1}` : name.trim();
    seen.add(own);
    return own;
  });
}

/** The values of a record. */
export function splitRecord(record: string, quote: string, delimiter: string): string[] {
  const values = [""];
  let isQuoted = false;
  for (let index = 0; index < record.length; index += 1) {
    const character = record.charAt(index);
    if (character === quote && isQuoted && record.charAt(index + 1) === quote) {
      values.push(`${values.pop()}${quote}`);
      index += 1;
    } else if (character === quote) isQuoted = !isQuoted;
    else if (character === delimiter && !isQuoted) values.push("");
    else values.push(`${values.pop()}${character}`);
  }
  return values;
}

/** @throws TriplineError `invalid-field` for a file that has too many blank lines, or is not in `encoding` */
export async function scanLines(file: string, { quote, encoding }: CsvFormat): Promise<ScannedLines> {
  const mark = quote.charCodeAt(0);
  const blank: number[] = [];
  let [lines, odd, returned] = [0, 0, 0];
  let isOdd = false;
  let [length, before] = [0, 0];
  const census = new ByteCensus();
  for await (const chunk of openText(file, encoding, census)) {
    const bytes: Buffer = chunk;
    for (let index = 0; index < bytes.length; index += 1) {
      const byte = bytes[index] ?? 0;
      if (byte === NEWLINE) {
        lines += 1;
        if (isOdd) odd += 1;
        if (before === RETURN) returned += 1;
        if (length === 0) blank.push(lines);
        isOdd = false;
        length = 0;
      } else if (byte !== RETURN) length += 1;
      if (byte === mark) isOdd = !isOdd;
      before = byte;
    }
    if (blank.length > BLANK_MAX) throw new TriplineError("invalid-field", `${file} has too many blank lines.`);
  }
  if (isOdd) odd += 1;
  const isUtf8 = encoding === UTF_8 && census.invalid === 0;
  return { isIrregular: !isUtf8 || odd > 0 || (returned > 0 && returned < lines), blank };
}

/**
 * Returns the line number of each byte position. Positions count from 0 and must be in ascending order. A position at a
 * line break belongs to the line of the next byte that is not a line break.
 */
export async function linesAt(file: string, positions: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  let [line, at] = [1, 0];
  for await (const chunk of openBytes(file)) {
    const bytes: Buffer = chunk;
    for (let index = 0; index < bytes.length && found.length < positions.length; index += 1) {
      const byte = bytes[index];
      if (byte === NEWLINE) line += 1;
      while (
        byte !== NEWLINE &&
        byte !== RETURN &&
        (positions[found.length] ?? Number.POSITIVE_INFINITY) <= at + index
      ) {
        found.push(line);
      }
    }
    at += bytes.length;
    if (found.length === positions.length) break;
  }
  return found;
}
