// `npm run bench -- features` and the like: installs and builds what is missing, then runs the benchmark in load-tests and exits
// with the benchmark's exit code.
import { fileURLToPath } from "node:url";
import { handOver } from "./hand-over.mjs";
import { install } from "./install.mjs";
import { PROGRAM_BENCHES } from "./tools.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

try {
  await install({ root: ROOT });
  const [name, ...args] = process.argv.slice(2);
  process.exitCode = await handOver(
    PROGRAM_BENCHES.includes(name ?? "")
      ? { root: ROOT, program: "apps/cli/dist/main.js", args: [`bench-${name}`, ...args] }
      : { root: ROOT, program: "load-tests/dist/main.js", args: process.argv.slice(2) },
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
