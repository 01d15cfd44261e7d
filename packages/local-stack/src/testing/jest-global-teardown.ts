import { takeTestServers } from "./run-servers.js";
import { TEST_STACK_VARIABLE } from "./stack.js";

/** Ends the servers that the set-up started; servers that were already running are not stopped. */
export default async function tearDown(): Promise<void> {
  const servers = takeTestServers();
  if (servers === undefined) return;
  delete process.env[TEST_STACK_VARIABLE];
  await servers.end();
}
