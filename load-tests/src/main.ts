import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import { BENCHMARKS } from "./benchmarks.js";
import { BenchError } from "./harness/bench-error.js";
import { benchProgram } from "./harness/bench-program.js";

const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));

const program = benchProgram(BENCHMARKS, {
  root: ROOT,
  print: (text) => process.stdout.write(`${text}\n`),
  log: (line) => process.stderr.write(`${line}\n`),
});

try {
  await program.parseAsync();
} catch (error) {
  const isExpected = error instanceof BenchError || error instanceof TriplineError;
  const message = error instanceof Error ? (isExpected ? error.message : error.stack) : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
