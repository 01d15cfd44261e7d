import type { CaseRow } from "#contract/cases";
import { RequestFailed } from "../api/request.js";
import { withdrawRequests } from "./withdraw-requests.js";

test("regression #32: a request that cannot be withdrawn does not stop the others", async () => {
  const problem = {
    type: "",
    status: 409,
    code: "changed-meanwhile",
    title: "Conflict",
    detail: "The case has changed.",
  };
  const cases = ["a", "b", "c"].map((id) => ({ id, revision: 1 }));
  const withdraw = async (one: (typeof cases)[number]): Promise<CaseRow> => {
    if (one.id === "b") throw new RequestFailed(problem);
    return one as CaseRow;
  };
  expect(await withdrawRequests(cases, withdraw)).toEqual({
    changed: [
      { id: "a", revision: 1 },
      { id: "c", revision: 1 },
    ],
    refused: [{ id: "b", code: "changed-meanwhile", detail: "The case has changed." }],
  });
});
