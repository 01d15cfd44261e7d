import { TriplineError } from "@tripline/contracts/error-table";
import { runTestServers } from "./run-servers.js";
import { TEST_STACK_VARIABLE, testStackAddresses } from "./stack.js";

/**
 * `node dist/testing/main.js up`: runs a test run's servers in the foreground, to run tests against them repeatedly.
 */
async function up(): Promise<void> {
  const { stack, end } = await runTestServers({ endOnSignals: false });
  const addresses = testStackAddresses.parse(stack);
  process.stdout.write(`Kafka     ${addresses.kafkaBrokers.join(",")}\n`);
  process.stdout.write(`Valkey    ${addresses.redisUrl}\n`);
  process.stdout.write(`Postgres  ${addresses.postgresUrl}\n\n`);
  process.stdout.write(`export ${TEST_STACK_VARIABLE}='${JSON.stringify(addresses)}'\n\nPress Ctrl-C to stop them.\n`);
  await nextSignal();
  await end();
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    // The servers alone would not keep this process alive, so a timer does.
    const alive = setInterval(() => {}, 60_000);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}

if (process.argv[2] === "up") {
  try {
    await up();
  } catch (error) {
    process.stderr.write(`${error instanceof TriplineError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
} else {
  process.stderr.write("Usage: node dist/testing/main.js up\n");
  process.exitCode = 2;
}
