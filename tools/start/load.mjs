// `npm run load`: installs and builds what is missing, and runs load-tests. If it starts a system, the machine is checked
// first. Exits with the run's exit code.
import { fileURLToPath } from "node:url";
import { readPorts } from "../../packages/system/ports.mjs";
import { examine, sentence } from "./doctor.mjs";
import { endLeftovers } from "./find-leftovers.mjs";
import { handOver } from "./hand-over.mjs";
import { install } from "./install.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** With one of these arguments, no system is started. */
const STARTS_NOTHING = /^(--target(=.*)?|--help|-h|help|payments)$/;

const args = process.argv.slice(2);

try {
  const startsSystem = args.length > 0 && !args.some((argument) => STARTS_NOTHING.test(argument));
  if (startsSystem) await endLeftovers(ROOT);
  const findings = startsSystem ? await examine({ ports: readPorts(), root: ROOT }) : [];
  const failed = findings.filter(({ ok }) => !ok);
  for (const { detail, fix } of failed) process.stderr.write(`${sentence(detail, fix)}\n`);
  if (failed.length > 0) process.exitCode = 1;
  else process.exitCode = await load();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

async function load() {
  await install({ root: ROOT });
  return handOver({ root: ROOT, program: "load-tests/dist/load/main.js", args });
}
