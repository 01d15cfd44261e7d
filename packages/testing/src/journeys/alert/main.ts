// Runs `npm run journey -- alert` on the system that the command started, with a real Prometheus and Alertmanager.
import { join } from "node:path";
import { STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { z } from "zod";
import { alertJourney } from "./alert.js";
import { startReceivers } from "./receive-messages.js";
import { findMonitoring, startMonitoring } from "./start-monitoring.js";

const services = z
  .array(z.object({ name: z.string(), url: z.url(), pid: z.int() }))
  .parse(JSON.parse(process.argv[2] ?? "[]"));
const scoring = services.find(({ name }) => name === "scoring");
if (scoring === undefined) throw new Error("Scoring does not run in a separate process.");

let count = 0;
const print = (text: string): void => {
  count += 1;
  process.stdout.write(`\n${count}. ${text}\n`);
};
const receivers = await startReceivers();
try {
  const programs = await findMonitoring(process.env);
  const monitoring = await startMonitoring(programs, join(STATE_DIRECTORY, "journey-alert"), services, receivers);
  try {
    const { prometheusUrl } = monitoring;
    await alertJourney({ prometheusUrl, receivers, services: services.length, scoringPid: scoring.pid, print });
  } finally {
    await monitoring.stop();
  }
  process.stdout.write(`\nalert: ${count} steps, all passed\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await receivers.close();
}
