import { createHash } from "node:crypto";
import { ListTable } from "../list-table.js";

/**
 * `node --expose-gc --max-semi-space-size=4 dist/lists/testing/measure-memory.js` measures how much the memory of the
 * process grows with a million entries, and the CPU time for looking up the four values of a payment, in nanoseconds.
 * The small young generation excludes garbage created while loading.
 */
const ENTRIES = 1_000_000;
const LOOKUPS = 200_000;
const ROUNDS = 5;
const MB = 1_000_000;
const NS_PER_US = 1_000;
const AT_MS = Date.UTC(2026, 0, 1);

const digits = (number: number) => createHash("md5").update(String(number)).digest("hex");

function processMb(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage.rss() / MB);
}

/** @param different number of distinct entries at the end */
function fill(table: ListTable, different: number): ListTable {
  for (let index = 0; index < ENTRIES; index += 1) {
    const number = index % different;
    table.put({
      tenant: "demo",
      list: "deny",
      kind: "card",
      effect: "deny",
      author: "",
      value: `ct_${digits(number)}`,
      reason: `Confirmed fraud, case ${number}`,
      createdAtMs: AT_MS,
      expiresAtMs: AT_MS + 1 + number,
    });
  }
  return table;
}

function nsPerPayment(table: ListTable, firstCard: number): string {
  const payments = Array.from({ length: LOOKUPS }, (_, index) => ({
    card: `ct_${digits(firstCard + index)}`,
    device: `dt_${digits(index)}`,
    ip: `it_${digits(index)}`,
    terminal: `t-${index}`,
  }));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedUs = process.cpuUsage().user;
    for (const payment of payments) table.find("demo", payment, AT_MS);
    best = Math.min(best, process.cpuUsage().user - startedUs);
  }
  return ((best * NS_PER_US) / LOOKUPS).toFixed(0);
}

// The first table is garbage: it only makes the heap grow to the size that it has while lists are loaded.
fill(new ListTable(), 1);
const beforeMb = processMb();
const startedUs = process.cpuUsage().user;
const table = fill(new ListTable(), ENTRIES);
const loadMs = (process.cpuUsage().user - startedUs) / 1_000;
const lists = `entries=${table.size} lists_mb=${processMb() - beforeMb} process_mb=${processMb()} load_ms=${loadMs.toFixed(0)}`;
const lookups = `payment_ns=${nsPerPayment(table, ENTRIES)} listed_payment_ns=${nsPerPayment(table, 0)}`;
process.stdout.write(`lists: ${lists} ${lookups}\n`);
