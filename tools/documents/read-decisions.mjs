// The headers of the records in docs/adr, which have a fixed format.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Number and title; the date; `accepted`, or the superseding record and optionally the superseded part. */
const HEAD =
  /^# (?<number>\d+)\. (?<title>.+)\n\nDate: (?<date>\d{4}-\d\d-\d\d) · Status: (?<status>accepted|superseded by \[ADR \d+\]\((?<by>[\w-]+\.md)\)(?: in .+)?)\n\n/;

/**
 * One row per record, in order: link, date, status.
 *
 * @param {string} folder
 * @returns {string[][]}
 * @throws Error if a header has another format, a number does not match its file, or the superseding record does not exist
 */
export function readDecisions(folder) {
  const files = readdirSync(folder).filter((file) => /^\d{4}-.*\.md$/.test(file));
  return files.sort().map((file) => {
    const head = HEAD.exec(readFileSync(join(folder, file), "utf8"))?.groups;
    if (head === undefined || Number(head.number) !== Number(file.slice(0, 4))) {
      throw new Error(
        `${folder}/${file} does not start with the header that ${folder}/README.md requires: number and title, then date and status.`,
      );
    }
    if (head.by !== undefined && !files.includes(head.by)) {
      throw new Error(`${folder}/${file} is superseded by ${head.by}, which does not exist.`);
    }
    return [`[${head.number}. ${head.title}](${file})`, head.date ?? "", head.status ?? ""];
  });
}
