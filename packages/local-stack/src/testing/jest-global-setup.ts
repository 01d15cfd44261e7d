import { keepTestServers, runTestServers } from "./run-servers.js";
import { TEST_STACK_VARIABLE, testStackAddresses } from "./stack.js";

/** Starts the shared servers of a test run, unless the environment points to running servers. */
export default async function setUp(): Promise<void> {
  if (process.env[TEST_STACK_VARIABLE] !== undefined) return;
  const servers = await runTestServers();
  keepTestServers(servers);
  process.env[TEST_STACK_VARIABLE] = JSON.stringify(testStackAddresses.parse(servers.stack));
}
