import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { openBytes, splitRecord } from "./scan-lines.js";

/** A line, or a record of several, that cannot be read. */
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

/** Lines of a value with line breaks. */
const VALUE_LINES_MAX = 100;
/** As in the reject table: so many broken lines are a wrong `quote` or `delimiter`. */
export const BROKEN_MAX = 100_000;

/**
 * Copies a file without lines whose quote is never closed, and with line breaks of one kind. A line with an odd number of quotes begins a value with line breaks
 * if a later line, at most 100 lines on, completes a record of as many columns as the header.
 */
export async function repairCsv(file: string, copy: string, quote: string, delimiter: string): Promise<RepairedCsv> {
  const output = createWriteStream(copy);
  const broken: BrokenLine[] = [];
  const blank: number[] = [];
  let columns = 0;
  /** Lines from one with an odd number of quotes on. */
  let open: string[] = [];
  let line = 0;
  const write = async (texts: readonly string[]): Promise<void> => {
    if (!output.write(`${texts.join("\n")}\n`)) await once(output, "drain");
  };
  /** The first open line is broken: those after it are whole lines. */
  const giveUp = async (): Promise<void> => {
    const [first = "", ...others] = open;
    const at = line - open.length;
    broken.push({ line: at, reason: "a quote is not closed", text: first });
    for (const [index, text] of others.entries()) if (text === "") blank.push(at + 1 + index);
    open = [];
    if (others.length > 0) await write(others);
  };
  for await (const text of createInterface({ input: openBytes(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
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
    if (broken.length > BROKEN_MAX) break;
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
