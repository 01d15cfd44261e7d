// Builds and then runs a program, for the commands of tools.mjs that are not plain JavaScript.
import { fileURLToPath } from "node:url";
import { handOver } from "../start/hand-over.mjs";
import { install } from "../start/install.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

try {
  await install({ root: ROOT });
  const [program = "", ...args] = process.argv.slice(2);
  process.exitCode = await handOver({ root: ROOT, program, args });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
