/**
 * The settings of a run as environment variables, set by `npm run load`, or by hand if k6 is started directly. Both
 * Node and k6 load this file, so it imports only the scenarios.
 */
import type { Load, ScenarioName } from "./scenarios.ts";
import { highestRate, isScenario, paymentsPerIteration, SCENARIOS } from "./scenarios.ts";

export interface LoadSettings {
  readonly scenario: ScenarioName;
  /** Address of ingestion, without a trailing slash. */
  readonly target: string;
  readonly rate: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** How long a caller waits for a decision. */
  readonly waitSeconds: number;
  /** Number of payments in a batch. */
  readonly lines: number;
  /** Maximum number of requests that k6 can have in flight. */
  readonly vus: number;
  readonly p99Ms: number;
  readonly errorsPercent: number;
  readonly degradedPercent: number;
  /** File of payments, one per line. */
  readonly payments: string;
  /** Prefix of all transaction IDs, unique for each run. */
  readonly run: string;
}

const VARIABLES: Readonly<Record<keyof LoadSettings, string>> = {
  scenario: "TRIPLINE_SCENARIO",
  target: "TRIPLINE_TARGET",
  rate: "TRIPLINE_RATE",
  seconds: "TRIPLINE_DURATION",
  warmUpSeconds: "TRIPLINE_WARM_UP",
  waitSeconds: "TRIPLINE_WAIT",
  lines: "TRIPLINE_LINES",
  vus: "TRIPLINE_VUS",
  p99Ms: "TRIPLINE_P99_MS",
  errorsPercent: "TRIPLINE_ERRORS_PERCENT",
  degradedPercent: "TRIPLINE_DEGRADED_PERCENT",
  payments: "TRIPLINE_PAYMENTS",
  run: "TRIPLINE_RUN",
};

export const TARGET_DEFAULT = "http://127.0.0.1:7400";
export const WAIT_SECONDS_DEFAULT = 1;
export const LINES_DEFAULT = 100;
export const ERRORS_PERCENT_DEFAULT = 0.1;
export const DEGRADED_PERCENT_DEFAULT = 1;

/** Average response time at which all users are busy. With slower responses, the load cannot be sent as planned. */
const ANSWER_SECONDS_COVERED = 1;
const VUS_MIN = 50;
const VUS_MAX = 4_000;

/** Default number of requests in flight for a load. */
export function usersFor(name: ScenarioName, load: Load, lines: number): number {
  const { mix, stages } = SCENARIOS[name];
  const iterationsPerSecond = highestRate(stages(load)) / paymentsPerIteration(mix, lines);
  return Math.min(VUS_MAX, Math.max(VUS_MIN, Math.ceil(iterationsPerSecond * ANSWER_SECONDS_COVERED)));
}

export function settingsToEnvironment(settings: LoadSettings): Record<string, string> {
  const seconds = new Set(["seconds", "warmUpSeconds"]);
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([name, variable]) => {
      const value = String(settings[name as keyof LoadSettings]);
      return [variable, seconds.has(name) ? `${value}s` : value];
    }),
  );
}

/** @throws Error in one sentence that names the invalid variable */
export function settingsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): LoadSettings {
  const text = (name: keyof LoadSettings, whenAbsent: string): string => environment[VARIABLES[name]] || whenAbsent;
  const number = (name: keyof LoadSettings, whenAbsent: number): number => {
    const value = Number(text(name, String(whenAbsent)));
    if (!(value >= 0)) throw new Error(`${VARIABLES[name]} must be a number that is at least 0.`);
    return value;
  };
  const duration = (name: keyof LoadSettings, whenAbsent: number): number => {
    const value = parseSeconds(text(name, `${whenAbsent}s`));
    if (value === undefined) throw new Error(`${VARIABLES[name]} must be a duration such as 30s or 5m.`);
    return value;
  };
  const scenario = text("scenario", "steady");
  if (!isScenario(scenario)) throw new Error(unknownScenario(scenario));
  const { defaults, p99Ms } = SCENARIOS[scenario];
  const load: Load = {
    rate: number("rate", defaults.rate),
    seconds: duration("seconds", defaults.seconds),
    warmUpSeconds: duration("warmUpSeconds", defaults.warmUpSeconds),
  };
  const lines = number("lines", LINES_DEFAULT);
  return {
    scenario,
    ...load,
    lines,
    target: text("target", TARGET_DEFAULT),
    waitSeconds: number("waitSeconds", WAIT_SECONDS_DEFAULT),
    vus: number("vus", usersFor(scenario, load, lines)),
    p99Ms: number("p99Ms", p99Ms),
    errorsPercent: number("errorsPercent", ERRORS_PERCENT_DEFAULT),
    degradedPercent: number("degradedPercent", DEGRADED_PERCENT_DEFAULT),
    payments: text("payments", "payments.ndjson"),
    run: text("run", `k6-${Date.now().toString(36)}`),
  };
}

export function unknownScenario(name: string): string {
  return `Unknown scenario "${name}". The scenarios are ${Object.keys(SCENARIOS).join(", ")}.`;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** `90s`, `1.5m`, `2h`; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  const [, value = "", unit = ""] = /^(\d+(?:\.\d+)?)(s|m|h)$/.exec(text) ?? [];
  const seconds = Number(value) * (UNITS[unit] ?? Number.NaN);
  return Number.isNaN(seconds) ? undefined : seconds;
}
