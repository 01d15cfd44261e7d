import { ProfileWatch } from "./profile-watch.js";

test("logs a thousand failed lookups once, with the command to run, and logs when rows are found again", () => {
  const lines: string[] = [];
  const log = (extra: unknown, line?: string) => void lines.push(`${JSON.stringify(extra)} ${line}`);
  const watch = new ProfileWatch({ warn: log, info: log });
  const look = (profile: string, found: number) => watch.seen(profile, 200, found);
  // No profiles were ever materialised, so nothing can be lost.
  for (let batch = 0; batch < 9; batch += 1) look("card", 0);
  look("card", 1);
  for (let batch = 0; batch < 4; batch += 1) look("card", 0);
  look("card", 1);
  for (let batch = 0; batch < 4; batch += 1) look("card", 0);
  look("terminal", 3);
  expect(lines).toEqual([]);
  for (let batch = 0; batch < 9; batch += 1) look("card", 0);
  expect(lines).toEqual([
    expect.stringMatching(/^{"profile":"card"} Redis contained none of the last 1000 .*load-profiles/),
  ]);
  for (let batch = 0; batch < 3; batch += 1) look("card", 5);
  expect(lines.slice(1)).toEqual(['{"profile":"card"} Redis contains profiles again']);
});
