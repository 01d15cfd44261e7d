import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEST_MEASURED, testResult } from "../testing/capacity-figures.js";
import { compareWithResult, isWithin } from "./check.js";
import { learnFrom, loadsOf, measuredSchema, readCapacityResult } from "./figures.js";
import committed from "./measured.json" with { type: "json" };

test("reads the measured figures of a run", () => {
  const learnt = learnFrom(testResult([1_000, 100]), TEST_MEASURED);
  expect(learnt.rates).toEqual([100, 1_000]);
  expect(learnt.cpu.features).toEqual(TEST_MEASURED.cpu.features);
  expect(learnt.cpu.archive).toEqual(TEST_MEASURED.cpu.archive);
  expect(learnt).toMatchObject({
    kafka_bytes: TEST_MEASURED.kafka_bytes,
    redis_bytes: TEST_MEASURED.redis_bytes,
    redis_states: TEST_MEASURED.redis_states,
    lake_bytes: 500,
  });
  expect(learnt.sources.cpu).toEqual({ ...TEST_MEASURED.sources.cpu, measured_at: "2026-11-02T00:00:00Z" });
});

test("keeps the CPU time after a run that measures only bytes, and says so", () => {
  const result = testResult([], 2);
  const [part] = result.parts;
  const bytes = { ...result, parts: [{ ...part, name: "bytes", contestants: [], summary: part?.summary ?? {} }] };
  const learnt = learnFrom(bytes, TEST_MEASURED);
  expect([learnt.cpu, learnt.rates]).toEqual([TEST_MEASURED.cpu, TEST_MEASURED.rates]);
  expect(learnt.lake_bytes).toBe(1_000);
  expect(learnt.sources.cpu).toEqual(TEST_MEASURED.sources.cpu);
  expect(learnt.sources.bytes.command).toBe("npm run bench -- capacity --only bytes");
});

test.each([
  [1, true],
  [1.18, true],
  [0.85, true],
  [1.3, false],
  [0.8, false],
])("a run in which all costs are multiplied by %d is within 20 %%: %s", (factor, within) => {
  const compared = compareWithResult(TEST_MEASURED, testResult([100, 400, 1_000], factor));
  expect(compared.filter(({ counts }) => counts).length).toBe(3 + 9 + 1);
  expect(compared.every(isWithin)).toBe(within);
});

test("reports a process that deviates from its prediction without failing the check", () => {
  const result = testResult([100, 1_000]);
  const figures = result.parts[0]?.contestants[1]?.figures;
  if (figures !== undefined) figures.valkey_cpu_ms = { median: 500 };
  const compared = compareWithResult(TEST_MEASURED, result);
  expect(compared.find(({ what }) => what === "1000 a second: valkey")).toMatchObject({ predicted: 20, measured: 50 });
  expect(compared.every(isWithin)).toBe(true);
});

test("ignores loads that the machine did not sustain", () => {
  const result = testResult([100, 400, 1_000]);
  const last = result.parts[0]?.contestants[2]?.figures;
  if (last !== undefined) last.ops_per_s = { median: 600 };
  expect(loadsOf(result).map(({ rate }) => rate)).toEqual([100, 400]);
  const starved = testResult([100, 400]);
  for (const { figures } of starved.parts[0]?.contestants ?? []) figures.ops_per_s = { median: 50 };
  expect(() => loadsOf(starved)).toThrow("Fewer than two of the load levels were sustained");
});

test("reads the committed figures, and rejects a file that is not a result with one sentence", async () => {
  const { rates, sources } = measuredSchema.parse(committed);
  expect(rates.length).toBeGreaterThanOrEqual(2);
  // On a busy machine, or with few payments at a time, a decision costs several times as much.
  expect(Math.max(...rates)).toBeGreaterThanOrEqual(1_000);
  expect(sources.cpu.load_average).toBeLessThan(4);
  const folder = await mkdtemp(join(tmpdir(), "capacity-"));
  const file = join(folder, "result.json");
  await expect(readCapacityResult(file)).rejects.toThrow(
    /result\.json is not the result of `npm run bench -- capacity`/,
  );
  await writeFile(file, JSON.stringify({ ...testResult([1, 2]), name: "features" }));
  await expect(readCapacityResult(file)).rejects.toThrow(/name: /);
  const [part] = testResult([1, 2]).parts;
  await writeFile(file, JSON.stringify({ ...testResult([1, 2]), parts: [{ ...part, summary: {} }] }));
  const result = await readCapacityResult(file);
  expect(() => learnFrom(result, TEST_MEASURED)).toThrow(
    "The result does not contain the figure archive_us_per_decision.",
  );
  await rm(folder, { recursive: true });
});
