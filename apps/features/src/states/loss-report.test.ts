import { LossReport } from "./loss-report.js";

test("regression #12: reports a loss immediately with the command to run, then once per minute, and when it is over", () => {
  const lines: string[] = [];
  let nowMs = 0;
  const logger = {
    error: (_extra: unknown, line?: string) => void lines.push(line ?? ""),
    info: (line: unknown) => void lines.push(String(line)),
  };
  const report = new LossReport(logger, () => nowMs);
  expect(report.seen(true)).toBe(true);
  for (; nowMs < 150_000; nowMs += 100) expect(report.seen(false)).toBe(false);
  const loss = expect.stringContaining("`npm run tripline -- rebuild-state`");
  expect(lines).toEqual([loss, loss, loss]);
  for (let times = 0; times < 3; times += 1) report.seen(true);
  expect(lines.slice(3)).toEqual(["the window states are complete again"]);
  report.seen(false);
  expect(lines.slice(4)).toEqual([loss]);
});
