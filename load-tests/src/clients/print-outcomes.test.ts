import { countOutcomes, printOutcomes } from "./print-outcomes.js";
import { attempt, expectScores } from "./stock-client.js";

test("prints a row for each request, with the reason if it failed or did not run", async () => {
  const golden = { inputs: [[1], [2]], outputs: [0.5, 0.25] };
  const results = [
    { tool: "k6", missing: "k6 is not on the PATH", outcomes: [] },
    {
      tool: "grpcurl",
      version: "1.9.3",
      outcomes: [
        await attempt("same scores", () => expectScores([0.5, 0.250001], golden)),
        await attempt("another score", () => expectScores([0.5, 0.75], golden)),
        await attempt("too few scores", () => expectScores([0.5], golden)),
        await attempt("no number", () => expectScores([0.5, Number.NaN], golden)),
        await attempt("two lines", () => Promise.reject(new Error("Code: NotFound\n  Message: none"))),
      ],
    },
  ];
  expect(printOutcomes(results).split("\n")).toEqual([
    "tool     version  asked           result",
    "k6                                not run: k6 is not on the PATH",
    "grpcurl  1.9.3    same scores     passed",
    "grpcurl  1.9.3    another score   failed: a score differs by 0.5 from the golden batch",
    "grpcurl  1.9.3    too few scores  failed: number of scores: 1, expected 2",
    "grpcurl  1.9.3    no number       failed: a score differs by NaN from the golden batch",
    "grpcurl  1.9.3    two lines       failed: Code: NotFound Message: none",
    "",
    "1 passed, 4 failed, 1 tools not run",
  ]);
  expect(countOutcomes(results)).toEqual({ passed: 1, failed: 4, missing: 1 });
});
