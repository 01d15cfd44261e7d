import type { LoadSettings } from "./load-settings.js";
import { parseSeconds, settingsFromEnvironment, settingsToEnvironment, usersFor } from "./load-settings.js";

const SETTINGS: LoadSettings = {
  scenario: "batch",
  target: "http://127.0.0.1:7400",
  rate: 500,
  seconds: 90,
  warmUpSeconds: 2.5,
  waitSeconds: 0.5,
  lines: 50,
  vus: 77,
  p99Ms: 300,
  errorsPercent: 0.2,
  degradedPercent: 3,
  payments: "/tmp/p.ndjson",
  run: "load-1",
};

test("k6 reads the settings that the command wrote", () => {
  expect(settingsFromEnvironment(settingsToEnvironment(SETTINGS))).toEqual(SETTINGS);
});

test("k6 needs only a target and a file if started manually", () => {
  const settings = settingsFromEnvironment({ TRIPLINE_TARGET: "http://tripline.test", TRIPLINE_PAYMENTS: "/p.ndjson" });
  expect(settings).toMatchObject({ scenario: "steady", rate: 200, seconds: 60, target: "http://tripline.test" });
  expect(settings.run).toMatch(/^k6-/);
});

test.each([
  [{ TRIPLINE_SCENARIO: "steddy" }, 'Unknown scenario "steddy". The scenarios are smoke, steady, ramp'],
  [{ TRIPLINE_RATE: "fast" }, "TRIPLINE_RATE must be a number"],
  [{ TRIPLINE_RATE: "-1" }, "TRIPLINE_RATE must be a number that is at least 0."],
  [{ TRIPLINE_DURATION: "60" }, "TRIPLINE_DURATION must be a duration such as 30s or 5m."],
])("rejects %j in one sentence", (environment, sentence) => {
  expect(() => settingsFromEnvironment(environment)).toThrow(sentence);
});

test.each([
  ["90s", 90],
  ["1.5m", 90],
  ["2h", 7_200],
  ["", undefined],
  ["90", undefined],
  ["-1s", undefined],
  ["1d", undefined],
])("parses the duration %s", (text, seconds) => {
  expect(parseSeconds(text)).toBe(seconds);
});

test("derives the number of users from the highest rate, in requests", () => {
  const load = { rate: 1_000, seconds: 60, warmUpSeconds: 0 };
  expect(usersFor("sync", load, 100)).toBe(1_000);
  expect(usersFor("spike", { ...load, rate: 100 }, 100)).toBe(1_000);
  expect(usersFor("batch", { ...load, rate: 10_000 }, 100)).toBe(100);
});
