import type { CaseRow } from "#contract/cases";
import { problemFrom, request } from "../api/request.js";
import type { BulkAnswer } from "../queue/use-cases.js";

type Place = Pick<CaseRow, "id" | "revision">;

/**
 * Withdraws the user's requests for confirmation by a second user. A request that cannot be withdrawn does not stop the
 * others.
 */
export async function withdrawRequests(cases: readonly Place[], withdraw = withdrawOne): Promise<BulkAnswer> {
  const changed: CaseRow[] = [];
  const refused: { id: string; code: string; detail: string }[] = [];
  for (const one of cases) {
    try {
      changed.push(await withdraw(one));
    } catch (error) {
      const { code, title, detail } = problemFrom(error);
      refused.push({ id: one.id, code, detail: detail === "" ? title : detail });
    }
  }
  return { changed, refused };
}

function withdrawOne({ id, revision }: Place): Promise<CaseRow> {
  const path = `/api/cases/${encodeURIComponent(id)}/verdict/refuse`;
  return request(path, { method: "POST", body: { revision, note: "" } });
}
