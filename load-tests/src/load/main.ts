import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import { Interrupted } from "@tripline/system/step-log";
import { BenchError } from "../harness/bench-error.js";
import { loadProgram } from "./load-program.js";

const ROOT = resolve(fileURLToPath(new URL("../../..", import.meta.url)));

const program = loadProgram({
  root: ROOT,
  environment: process.env,
  print: (text) => process.stdout.write(`${text}\n`),
});

try {
  await program.parseAsync();
} catch (error) {
  const isExpected = error instanceof BenchError || error instanceof TriplineError || error instanceof Interrupted;
  const message = error instanceof Error ? (isExpected ? error.message : error.stack) : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
