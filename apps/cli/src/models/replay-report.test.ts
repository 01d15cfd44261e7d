import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { emptyTally, transitionOf } from "@tripline/model-loop/replay-decisions/replay-tally";
import { printReplay } from "./replay-report.js";

function printed(...moves: readonly (readonly [from: Outcome, to: Outcome, rows: number])[]): string {
  const tally = emptyTally();
  for (const [from, to, rows] of moves) transitionOf(tally, from, to).rows += rows;
  return printReplay({ ...tally, specVersion: 1, policyVersion: undefined, modelVersion: undefined });
}

test("regression #28: a replay reports how many payments would have had other payment updates", () => {
  const text = printed(
    [Outcome.DECLINE, Outcome.APPROVE, 3],
    [Outcome.REVIEW, Outcome.DECLINE, 4],
    [Outcome.DECLINE, Outcome.DECLINE, 50],
    [Outcome.APPROVE, Outcome.REVIEW, 600],
  );
  expect(text).toContain("7 payments would have had other payment updates, because only one of the two decisions");
  expect(text).toMatch(/\nreplay: .* changed=607 /);
  expect(printed([Outcome.APPROVE, Outcome.REVIEW, 600])).not.toContain("payment updates");
});
