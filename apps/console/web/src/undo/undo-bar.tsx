import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { problemFrom, request } from "../api/request.js";
import { useShortcuts } from "../app/shortcuts.js";
import type { BulkAnswer } from "../queue/use-cases.js";
import { text } from "../texts/en/app.js";
import { Button } from "../ui/button.js";
import { ProblemNote } from "../ui/states.js";
import type { Decided } from "./decided.js";
import { dropDecided, isNewest, useNewestDecided } from "./decided.js";
import { withdrawRequests } from "./withdraw-requests.js";

/** Shows the newest verdict with an Undo button while it is held, even after the user opens the next case. */
export function UndoBar() {
  const newest = useNewestDecided();
  const undo = useUndo();
  useShortcuts({ z: () => newest !== undefined && !undo.isPending && undo.mutate(newest) });
  const { changed = [], refused = [] } = undo.data ?? {};
  const hasFailed = undo.error !== null || refused.length > 0;
  const isDone = undo.isSuccess && !hasFailed && isNewest(undo.variables.key);
  const isShown = newest !== undefined || hasFailed;
  return (
    <section className={isShown ? "undo" : "visually-hidden"} aria-label={text.undo.label}>
      {hasFailed && (
        <div className="undo-note">
          <strong>{changed.length > 0 ? text.undo.partly(changed.length) : text.undo.failed}</strong>
          {undo.error !== null && <ProblemNote problem={problemFrom(undo.error)} />}
          {refused.map(({ id, detail }) => (
            <p key={id} role="alert">
              {text.undo.refused(id, detail)}
            </p>
          ))}
          <Button onClick={undo.reset}>{text.close}</Button>
        </div>
      )}
      <p role="status">{newest === undefined ? isDone && text.undo.done : wordsOf(newest)}</p>
      {newest !== undefined && (
        <>
          <Button shortcut="z" disabled={undo.isPending} onClick={() => undo.mutate(newest)}>
            {text.undo.undo}
          </Button>
          <div key={newest.key} className="undo-time" style={{ animationDuration: `${newest.ms}ms` }} />
        </>
      )}
    </section>
  );
}

function wordsOf({ cases, verdict, isPending }: Decided): string {
  const which = text.undo.cases(cases.map(({ id }) => id));
  return isPending ? text.undo.pending(which, verdict) : text.undo.closed(which, verdict);
}

/** Undoes a verdict and opens its case again. */
function useUndo() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    // Fails immediately if the user is offline: once the user is online again, the verdict would have taken effect.
    networkMode: "always",
    mutationFn: async ({ cases, isPending }: Decided): Promise<BulkAnswer> => {
      if (isPending) return withdrawRequests(cases);
      return request("/api/cases/bulk", {
        method: "POST",
        body: { cases: cases.map(placeOf), change: { undo: {} } },
      });
    },
    onSuccess: ({ refused }, { key, cases }) => {
      dropDecided(key);
      const [first] = cases;
      if (refused.length === 0 && cases.length === 1 && first !== undefined) {
        void navigate({ to: "/cases/$id", params: { id: first.id } });
      }
    },
    onSettled: (_answer, _error, { cases }) => {
      for (const { id } of cases) void client.invalidateQueries({ queryKey: ["case", id] });
      void client.invalidateQueries({ queryKey: ["cases"] });
    },
  });
}

const placeOf = ({ id, revision }: Decided["cases"][number]) => ({ id, revision });
