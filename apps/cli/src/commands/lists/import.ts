import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import { csvText } from "@tripline/contracts/text/csv-cell";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { parse } from "csv-parse";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { effectOption, LIST_ARGUMENT } from "./list-options.js";
import { putEntries } from "./put-entries.js";

interface ImportFlags extends ControlFlags {
  readonly input: string;
  readonly effect?: string;
}

/** Entries per request: well below the control plane's limit, to leave room for long reasons. */
const CHUNK = 500;
const LINE_BYTES_MAX = 65_536;

/** An entry of a file. The additional fields of an export are ignored, because the importer becomes the author. */
const line = z.object({
  kind: z.string(),
  value: z.string(),
  reason: z.string(),
  expires_at: z
    .string()
    .nullish()
    .transform((text) => (text === "" ? null : (text ?? null))),
});
type Line = z.infer<typeof line>;

export function importCommand(output: CommandOutput): Command {
  return controlCommand("import", "add the entries in a file to a list; existing entries are replaced")
    .argument(...LIST_ARGUMENT)
    .requiredOption(
      "--input <file>",
      "CSV with the columns kind, value, reason and optionally expires_at, or the same as JSON lines (.ndjson, .jsonl)",
    )
    .addOption(effectOption())
    .addHelpText(
      "after",
      `\nEntries are sent ${CHUNK.toLocaleString("en")} at a time. If some are rejected, earlier ones are already on the list. ` +
        "Fix the file and\nimport it again.",
    )
    .action(async (list: string, flags: ImportFlags) => {
      const client = await openControl(flags);
      let [done, left] = [0, 0];
      for await (const entries of chunksOf(readLines(flags.input))) {
        try {
          const waiting = await putEntries(client, list, { effect: flags.effect, entries });
          if (waiting !== undefined) {
            output.write(`${waiting}\n`);
            left += entries.length;
          }
        } catch (cause) {
          const place = `${flags.input}: of the entries ${done} to ${done + entries.length - 1}, counted from 0 in the file`;
          const detail = cause instanceof Error ? cause.message : String(cause);
          throw new Error(`${place}, where /entries/0 is the first of these: ${detail}`, { cause });
        }
        done += entries.length;
      }
      output.write(`${(done - left).toLocaleString("en")} entries added to the list ${list}.\n`);
    });
}

async function* readLines(file: string): AsyncGenerator<Line> {
  let count = 0;
  for await (const value of extname(file) === ".csv" ? readCsv(file) : readJson(file)) {
    const result = line.safeParse(value);
    if (!result.success) {
      const [issue] = result.error.issues;
      throw new Error(`${file}: entry ${count}: ${issue?.path.join(".") || "it"}: ${issue?.message}.`);
    }
    yield result.data;
    count += 1;
  }
  if (count === 0) throw new Error(`${file} contains no entries.`);
}

async function* readCsv(file: string): AsyncGenerator<unknown> {
  const columns = { columns: true, bom: true, trim: true, skip_empty_lines: true, max_record_size: LINE_BYTES_MAX };
  yield* createReadStream(file).pipe(parse({ ...columns, cast: csvText }));
}

async function* readJson(file: string): AsyncGenerator<unknown> {
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (text.trim() === "") continue;
    try {
      yield JSON.parse(text);
    } catch {
      // The parser's own message repeats the text.
      throw new Error(`${file}:${number} is not valid JSON.`);
    }
  }
}

async function* chunksOf(lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  let chunk: Line[] = [];
  for await (const one of lines) {
    chunk.push(one);
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
