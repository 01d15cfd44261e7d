import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { EntityState } from "../state/entity-state.js";
import { PARTNER_STRIDE, PARTNERS_MAX } from "../state/partner-table.js";
import { TILE_STRIDE } from "../state/tile-ring.js";
import type { MillionOutput } from "../testing/million.js";
import { DAY_MS, HOUR_MS, TestStates } from "../testing/states.js";
import { windowBefore } from "../testing/windows.js";
import { compileEngine } from "./compile-engine.js";

const engine = compileEngine(currentFeatureSpec());
const START_MS = Date.UTC(2024, 1, 1);

/**
 * Numbers from 0 to 1 that are the same in every run: a linear congruential generator with the constants of Park and
 * Miller.
 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function expectBounded(place: number, state: EntityState): void {
  const plan = engine.entities[place];
  for (const stream of ["payments", "labels"] as const) {
    const tiles = state[stream].rings.map((ring) => ring.used / TILE_STRIDE);
    const bounds = plan?.[stream].rings.map((ring) => ring.tilesBack + 1) ?? [];
    expect(tiles.filter((count, index) => count > (bounds[index] ?? 0))).toEqual([]);
  }
  expect(state.partners?.used).toBeLessThanOrEqual(PARTNERS_MAX * PARTNER_STRIDE);
}

describe("a busy terminal", () => {
  test("has the features of all its 20,000 payments, and a state of constant size", () => {
    const random = seeded(4);
    const states = new TestStates(engine);
    const columns = { atMs: new Float64Array(20_000), thousandths: new Float64Array(20_000) };
    const bytes: number[] = [];
    let atMs = START_MS;
    for (let index = 0; index < 20_000; index += 1) {
      // Of every three payments, two are later than the previous one, and one has the same time. They span 60 days.
      if (index % 3 > 0) atMs += Math.floor(random() * 12 * 60_000);
      const amountMinor = Math.floor(random() * 100_000);
      columns.atMs[index] = atMs;
      columns.thousandths[index] = amountMinor * 10;
      const values = states.pay(atMs, { cardToken: `c${Math.floor(random() * 2_000)}`, amountMinor });
      states.label(atMs, { fraud: index % 10 === 0 }, `other ${index % 50}`);
      if (index % 500 !== 499) continue;
      const hour = windowBefore(columns, index, HOUR_MS, HOUR_MS / 12);
      const month = windowBefore(columns, index, 30 * DAY_MS, DAY_MS);
      expect(values).toMatchObject({
        terminal_count_1h: hour.count + 1,
        terminal_count_30d: month.count + 1,
        terminal_mean_30d: (month.sum + amountMinor * 10) / 1000 / (month.count + 1),
        terminal_z_score_30d: expect.closeTo((amountMinor * 10 - month.mean) / month.deviation, 9),
        terminal_fraud_count_30d: expect.closeTo(month.count / 10, -1),
      });
      expect(values.terminal_cards_7d).toBeGreaterThanOrEqual(PARTNERS_MAX);
      expectBounded(1, states.of("terminal", "t"));
      bytes.push(states.bytesOf("terminal", "t").length);
    }
    // The state is full after 30 of the 60 days. Its size then still varies, because amounts and counts take 1 or 2
    // bytes.
    const [half = 0, full = 0] = [bytes.slice(0, 22), bytes.slice(22)].map((some) => Math.max(...some));
    expect(full).toBeLessThan(half * 1.02);
    expect(full).toBeLessThan(4_096);
  });
});

test("a card with a million payments at one terminal costs no more than one with a few hundred", async () => {
  const program = fileURLToPath(new URL("../testing/million.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 50_000 });
  const output = JSON.parse(stdout) as MillionOutput;
  expect(output.values).toMatchObject(output.expected);
  expect(output.values.card_std_30d).toBeCloseTo(output.deviation, 8);
  expect(output.states).toHaveLength(2);
  for (const [place, { sequence, bytes, tiles }] of output.states.entries()) {
    expect(sequence).toBe(1_000_000);
    expect(bytes).toBeLessThan(4_096);
    expect(tiles).toEqual(engine.entities[place]?.payments.rings.map((ring) => ring.tilesBack + 1));
  }
});
