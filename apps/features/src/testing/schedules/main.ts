import { parseArgs } from "node:util";
import { MemoryRedis } from "./memory-redis.js";
import { trySchedules } from "./try-schedules.js";

/*
 * Runs many schedules in memory and prints how often each step happened:
 *   node apps/features/dist/testing/schedules/main.js --count 10000 --first-seed 1
 */
const { values } = parseArgs({
  options: { count: { type: "string", default: "1000" }, "first-seed": { type: "string", default: "1" } },
});
const [count, firstSeed] = [Number(values.count), Number(values["first-seed"])];
if (!(Number.isSafeInteger(count) && count > 0 && Number.isSafeInteger(firstSeed))) {
  process.stderr.write("--count must be a positive whole number, and --first-seed a whole number.\n");
  process.exit(2);
}

const startedMs = performance.now();
const usage = process.cpuUsage();
const { schedules, faults, counts } = await trySchedules(new MemoryRedis(), { firstSeed, count, onSchedule });
const seconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage(usage);
for (const [name, times] of Object.entries(counts)) {
  process.stdout.write(`${name.padEnd(34)}${times.toLocaleString("en").padStart(12)}\n`);
}
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(
  `schedules: run=${schedules} faulty=${faults.length} per_s=${Math.round(schedules / seconds)} ` +
    `per_cpu_s=${Math.round(schedules / ((user + system) / 1e6))}\n`,
);
process.exitCode = faults.length === 0 ? 0 : 1;

function onSchedule(through: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${through} of ${count}\r`);
}
