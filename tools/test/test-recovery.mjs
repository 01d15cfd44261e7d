// `npx tripline test recovery`: rounds of faults under traffic, against a system that is started for it.
import { fileURLToPath } from "node:url";
import { handOver } from "../start/hand-over.mjs";
import { install } from "../start/install.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

try {
  await install({ root: ROOT });
  const args = process.argv.slice(2);
  process.exitCode = await handOver({ root: ROOT, program: "packages/testing/dist/faults/main.js", args });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
