import { startRequest } from "./rollout-plan.js";

const issuesOf = (plan: object) =>
  startRequest.safeParse({ model: "fraud", candidate: "0000000000ca", ...plan }).error?.issues ?? [];

test("regression #31: rejects a first step above 5 %, because the candidate would never get the labels that it needs", () => {
  expect(issuesOf({ steps_percent: [10, 50] })).toMatchObject([
    { path: ["steps_percent", 0], message: expect.stringContaining("mature_labels_min") },
  ]);
  expect(issuesOf({ steps_percent: [10, 50], guards: { mature_labels_min: 0 } })).toEqual([]);
  expect(issuesOf({ steps_percent: [5, 50] })).toEqual([]);
});
