import { asTriplineError } from "@tripline/contracts/error-table";
import { compactDay } from "./writing/compact-day.js";

/** `node apps/archive/dist/compact.js <lake> <topic> <day>` merges the files of one day of a topic into one. */

const EXIT_USAGE = 64;
const [lake, topic, day, ...rest] = process.argv.slice(2);

if (lake === undefined || topic === undefined || day === undefined || rest.length > 0) {
  process.stderr.write(
    "Give a lake's folder or URL, a topic and a day: compact.js .tripline/lake features 2024-02-29\n",
  );
  process.exit(EXIT_USAGE);
}
try {
  const { files, rows } = await compactDay(lake, topic, day);
  process.stdout.write(
    files < 2 ? `compact: files=${files} nothing to do\n` : `compact: files=${files} rows=${rows}\n`,
  );
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exit(1);
}
