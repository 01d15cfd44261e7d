import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { invalidByteOf, linesOf, openText, wordsOf } from "./open-text.js";
import type { CsvFormat } from "./scan-lines.js";
import { splitRecord } from "./scan-lines.js";

/** An unreadable line, or an unreadable record of several lines. */
export interface BrokenLine {
  readonly line: number;
  readonly reason: string;
  readonly text: string;
}

export interface RepairedCsv {
  readonly broken: readonly BrokenLine[];
  /** Blank lines outside of quotes. */
  readonly blank: readonly number[];
}

/** Maximum number of lines in a value with line breaks. */
const VALUE_LINES_MAX = 100;
/** More broken lines than this mean a wrong `quote` or `delimiter`. Also the limit of the reject table. */
export const BROKEN_MAX = 100_000;

/** Beginning of the reason for rejecting a line that is not UTF-8. */
export const NOT_UTF_8 = "not UTF-8";

/**
 * Copies a file as UTF-8 with uniform line breaks. The copy omits lines that are not UTF-8, and lines with a quote that
 * is never closed. A line with an odd number of quotes starts a value with line breaks if one of the next 100 lines
 * completes a record with as many columns as the header.
 *
 * @param brokenMax copying stops after the first broken line beyond this number
 */
export async function repairCsv(
  file: string,
  copy: string,
  { quote, encoding }: CsvFormat,
  delimiter: string,
  brokenMax = BROKEN_MAX,
): Promise<RepairedCsv> {
  const output = createWriteStream(copy);
  const broken: BrokenLine[] = [];
  const blank: number[] = [];
  let columns = 0;
  /** The line that opened a quote, and the lines after it. */
  let open: string[] = [];
  let line = 0;
  const write = async (texts: readonly string[]): Promise<void> => {
    if (!output.write(`${texts.join("\n")}\n`)) await once(output, "drain");
  };
  /** Only the first line, with the open quote, is broken; the lines after it are complete. */
  const giveUp = async (): Promise<void> => {
    const [first = "", ...others] = open;
    const at = line - open.length;
    broken.push({ line: at, reason: "a quote is not closed", text: first });
    for (const [index, text] of others.entries()) if (text === "") blank.push(at + 1 + index);
    open = [];
    if (others.length > 0) await write(others);
  };
  for await (const bytes of linesOf(openText(file, encoding), file)) {
    if (broken.length > brokenMax) break;
    line += 1;
    const text = bytes.toString();
    const invalid = invalidByteOf(line, bytes);
    if (invalid !== undefined) {
      if (open.length > 0) await giveUp();
      broken.push({ line, reason: `${NOT_UTF_8}: ${wordsOf(invalid)}`, text });
      continue;
    }
    if (line === 1) columns = splitRecord(text, quote, delimiter).length;
    const isOdd = countOf(text, quote) % 2 === 1;
    if (open.length > 0 && isOdd && splitRecord([...open, text].join("\n"), quote, delimiter).length === columns) {
      await write([...open, text]);
      open = [];
      continue;
    }
    if (open.length > 0 && (isOdd || open.length >= VALUE_LINES_MAX)) await giveUp();
    if (isOdd || open.length > 0) open.push(text);
    else {
      if (text === "") blank.push(line);
      await write([text]);
    }
  }
  line += 1;
  if (open.length > 0) await giveUp();
  output.end();
  await once(output, "finish");
  return { broken, blank };
}

function countOf(text: string, mark: string): number {
  let count = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) count += 1;
  return count;
}
