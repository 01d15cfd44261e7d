import type { ReactNode } from "react";
import type { Problem } from "#contract/session";
import { problemFrom } from "../api/request.js";
import { withLocalTimes } from "../format/times.js";
import { text } from "../texts/en/app.js";

const LINES = 6;

export function Skeleton({ lines = LINES }: { readonly lines?: number }) {
  return (
    <div className="skeleton" role="status" aria-label={text.loading}>
      {Array.from({ length: lines }, (_, line) => `line-${line}`).map((line) => (
        <div key={line} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** The action that the user can take. */
function adviceOn({ status }: Problem): string | undefined {
  const { next } = text.problems;
  if (status === 409 || status === 412) return next.conflict;
  if (status === 403) return next.forbidden;
  if (status === 404) return next.missing;
  if (status === 429) return next.limit;
  return status >= 500 ? next.later : undefined;
}

interface ProblemNoteProps {
  readonly problem: Problem;
  readonly onRetry?: () => void;
  readonly retryLabel?: string;
}

/** An error shown where it occurred, with the next step. */
export function ProblemNote({ problem, onRetry, retryLabel = text.problems.retry }: ProblemNoteProps) {
  const advice = adviceOn(problem);
  return (
    <div className="problem" role="alert">
      <p>
        <strong>{problem.title}</strong>
      </p>
      {problem.detail !== "" && <p>{withLocalTimes(problem.detail)}</p>}
      {problem.errors !== undefined && problem.errors.length > 0 && (
        <ul>
          {problem.errors.map(({ pointer, detail }) => (
            <li key={`${pointer} ${detail}`}>
              {pointer !== "" && <code>{pointer.replace(/^\//, "")}</code>} {detail}
            </li>
          ))}
        </ul>
      )}
      {advice !== undefined && <p className="quiet">{advice}</p>}
      {onRetry !== undefined && (
        <button type="button" className="button" onClick={onRetry}>
          {retryLabel}
        </button>
      )}
    </div>
  );
}

interface Asked<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly refetch: () => unknown;
}

/** Shows the data, a skeleton, or the error. Loaded data stays if a later refresh fails. */
export function Loaded<T>(props: {
  readonly query: Asked<T>;
  readonly lines?: number;
  readonly children: (data: T) => ReactNode;
}) {
  const { query, lines = LINES, children } = props;
  const note =
    query.error === null || query.error === undefined ? null : (
      <ProblemNote problem={problemFrom(query.error)} onRetry={() => void query.refetch()} />
    );
  if (query.data === undefined) return note ?? <Skeleton lines={lines} />;
  return (
    <>
      {note}
      {children(query.data)}
    </>
  );
}
