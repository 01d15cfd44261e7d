import { isUtf8 } from "node:buffer";
import { TriplineError } from "@tripline/contracts/error-table";

const NEWLINE = 0x0a;

/**
 * The lines of an NDJSON body. A newline at the end closes the last line and does not begin another.
 *
 * @throws TriplineError `malformed-json` if the body is not UTF-8, `invalid-field` if it is empty, `body-too-large`
 *   beyond `linesMax`
 */
export function splitLines(body: Buffer, linesMax: number): string[] {
  if (!isUtf8(body)) throw new TriplineError("malformed-json", "The body is not valid UTF-8.");
  const lines: string[] = [];
  let start = 0;
  while (start < body.length) {
    if (lines.length === linesMax) {
      throw new TriplineError(
        "body-too-large",
        `A batch must have at most ${linesMax} lines. Send the remaining lines in another batch.`,
      );
    }
    const newline = body.indexOf(NEWLINE, start);
    const end = newline === -1 ? body.length : newline;
    lines.push(body.toString("utf8", start, end));
    start = end + 1;
  }
  if (lines.length === 0) {
    throw new TriplineError("invalid-field", "The batch is empty.", [
      { pointer: "", detail: "must contain at least one line" },
    ]);
  }
  return lines;
}
