// `npx tripline test mlserver`: our gRPC client against a real MLServer.
import { fileURLToPath } from "node:url";
import { handOver } from "../start/hand-over.mjs";
import { install } from "../start/install.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

try {
  await install({ root: ROOT });
  process.exitCode = await handOver({ root: ROOT, program: "load-tests/dist/scoring/ask-mlserver.js", args: [] });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
