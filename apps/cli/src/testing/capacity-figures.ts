import type { CapacityResult, Measured } from "../capacity/figures.js";

const SOURCE = { command: "npm run bench -- capacity", measured_at: "2026-11-01T00:00:00Z", load_average: 0 };

/** Simple costs for tests: a curve with one bend, and round numbers of bytes. */
export const TEST_MEASURED: Measured = {
  format: "tripline-capacity",
  sources: { cpu: SOURCE, archive: SOURCE, bytes: SOURCE },
  machine: { cpu: "test", cores: 2 },
  rates: [100, 1_000],
  cpu: {
    ingestion: [
      [100, 20],
      [1_000, 100],
    ],
    features: [
      [100, 20],
      [1_000, 120],
    ],
    decisions: [
      [100, 20],
      [1_000, 60],
    ],
    scoring: [[1_000, 40]],
    archive: [[1_000, 30]],
    kafka: [[1_000, 50]],
    valkey: [[1_000, 20]],
  },
  kafka_bytes: { transactions: 400, features: 1_000, decisions: 500 },
  redis_bytes: { card: 700, terminal: 500, device: 150, ip: 150, idem: 100, decision: 400 },
  redis_states: { card: 1, terminal: 1, device: 1, ip: 1 },
  lake_bytes: 500,
};

/** A result of `npm run bench -- capacity` with `factor` times the costs of `TEST_MEASURED`. */
export function testResult(rates: readonly number[], factor = 1): CapacityResult {
  const of = (value: number) => ({ median: value });
  const cpu = (rate: number, low: number, high: number) => {
    const msPerS = rate <= 100 ? (low * rate) / 100 : low + ((high - low) * (rate - 100)) / 900;
    return of(10 * factor * msPerS);
  };
  return {
    name: "capacity",
    date: "2026-11-02T00:00:00Z",
    machine: { cpu: "test", cores: 2, loadAverage: 0 },
    parts: [
      {
        name: "cost",
        contestants: rates.map((rate) => ({
          name: `${rate} a second`,
          figures: {
            rate: of(rate),
            ops_per_s: of(rate),
            wall_ms: of(10_000),
            ingestion_cpu_ms: cpu(rate, 20, 100),
            features_cpu_ms: cpu(rate, 20, 120),
            decisions_cpu_ms: cpu(rate, 20, 60),
            scoring_cpu_ms: cpu(rate, 4, 40),
            kafka_cpu_ms: cpu(rate, 5, 50),
            valkey_cpu_ms: cpu(rate, 2, 20),
          },
        })),
        summary: {
          kafka_bytes: of(1_900),
          redis_bytes: of(500),
          lake_bytes: of(500 * factor),
          kafka_bytes_transactions: of(400),
          kafka_bytes_features: of(1_000),
          kafka_bytes_decisions: of(500),
          redis_bytes_card: of(700),
          redis_bytes_terminal: of(500),
          redis_bytes_device: of(150),
          redis_bytes_ip: of(150),
          redis_bytes_idem: of(100),
          redis_bytes_decision: of(400),
          redis_states_card: of(1),
          redis_states_terminal: of(1),
          redis_states_device: of(1),
          redis_states_ip: of(1),
          archive_us_per_decision: of(30),
        },
      },
    ],
  };
}
