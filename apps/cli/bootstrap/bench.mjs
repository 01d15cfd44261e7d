// `npm run bench:features` and its like: installs and builds what is missing, then hands over to load-tests. Ends with
// what the benchmark ends with.
import { fileURLToPath } from "node:url";
import { handOver } from "./hand-over.mjs";
import { install } from "./install.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

try {
  await install({ root: ROOT });
  process.exitCode = await handOver({ root: ROOT, program: "load-tests/dist/main.js", args: process.argv.slice(2) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
