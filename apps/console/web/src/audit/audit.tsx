import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { AuditEntry, AuditLogPage, ControlSchemas } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { problemFrom, queryString, request } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { UserName, useUsers } from "../app/user-name.js";
import { formatCount } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/screens.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { TextField } from "../ui/field.js";
import { Empty, Loaded, ProblemNote } from "../ui/states.js";
import { LogFault, verifyLog } from "./verify-log.js";

const PAGE_ROWS = 100;
const LOG_ROWS = 1_000;
const LOG_PAGES_MAX = 200;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { id: "when", title: text.audit.when, cell: ({ at }) => <time>{formatMoment(Date.parse(at))}</time> },
  { id: "who", title: text.audit.who, cell: ({ actor }) => <UserName id={actor} /> },
  { id: "what", title: text.audit.what, cell: ({ action }) => <code>{action}</code> },
  {
    id: "subject",
    title: text.audit.subject,
    cell: ({ subject_kind, subject_id }) => (
      <>
        <span className="quiet">{subject_kind}</span> {subject_id}
      </>
    ),
  },
  { id: "details", title: text.audit.details, look: "grow", cell: ({ details }) => <Details of={details} /> },
];

function Details({ of }: { readonly of: AuditEntry["details"] }) {
  return (
    <ul className="details">
      {Object.entries(of)
        .filter(([, value]) => value !== null && value !== "")
        .map(([name, value]) => (
          <li key={name}>
            <span className="quiet">{name}</span> {typeof value === "string" ? value : JSON.stringify(value)}
          </li>
        ))}
    </ul>
  );
}

interface Search {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
}

const NOTHING: Search = { actor: "", action: "", subject: "" };
const FIELDS = ["actor", "action", "subject"] as const;

/** The audit log, newest first. */
export function Audit() {
  const [search, setSearch] = useState(NOTHING);
  const query = useInfiniteQuery({
    queryKey: ["audit", search],
    queryFn: ({ pageParam, signal }) =>
      request<ControlSchemas["Audit"]>(
        `${CONTROL}/audit${queryString({ ...search, before: pageParam, limit: PAGE_ROWS })}`,
        { signal },
      ),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ entries }) => (entries.length < PAGE_ROWS ? undefined : entries.at(-1)?.sequence),
  });
  const entries = useMemo(() => query.data?.pages.flatMap((page) => page.entries) ?? [], [query.data]);
  return (
    <Screen title={text.audit.title} className="audit-screen">
      <SearchForm onSearch={setSearch} />
      <Verify />
      <Loaded query={query} lines={12}>
        {() =>
          entries.length === 0 ? (
            <Empty title={text.audit.empty}>{text.audit.emptyDetail}</Empty>
          ) : (
            <div className="panel">
              <DataTable
                caption={text.audit.title}
                columns={COLUMNS}
                rows={entries}
                rowKey={({ sequence }) => String(sequence)}
              />
            </div>
          )
        }
      </Loaded>
      {query.hasNextPage && (
        <div className="actions">
          <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {text.audit.older}
          </Button>
        </div>
      )}
    </Screen>
  );
}

const trimmed = ({ actor, action, subject }: Search): Search => {
  return { actor: actor.trim(), action: action.trim(), subject: subject.trim() };
};

function SearchForm({ onSearch }: { readonly onSearch: (search: Search) => void }) {
  const [typed, setTyped] = useState(NOTHING);
  const users = useUsers();
  const named = users.filter(({ name }) => name.toLowerCase() === typed.actor.trim().toLowerCase());
  const [user, another] = named;
  return (
    <search>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          if (another !== undefined) return;
          onSearch({ ...trimmed(typed), ...(user === undefined ? {} : { actor: user.id }) });
        }}
      >
        {FIELDS.map((name) => (
          <TextField
            key={name}
            label={text.audit.fields[name]}
            value={typed[name]}
            {...(name === "actor" ? { hint: text.audit.actorHint } : {})}
            onChange={(value) => setTyped({ ...typed, [name]: value })}
          />
        ))}
        <Button type="submit">{text.audit.search}</Button>
        {another !== undefined && <span role="alert">{text.audit.sameName(named.map(({ id }) => id).join(", "))}</span>}
      </form>
    </search>
  );
}

/** Reads the whole log and verifies it in the browser, without trusting the service. */
function Verify() {
  const verify = useMutation({
    mutationFn: () =>
      verifyLog(
        {
          page: (after) => request<AuditLogPage>(`${CONTROL}/audit/log${queryString({ after, limit: LOG_ROWS })}`),
          checkpoints: () => request<ControlSchemas["Checkpoints"]>(`${CONTROL}/audit/checkpoints`),
        },
        LOG_PAGES_MAX,
      ),
  });
  const { data, error } = verify;
  return (
    <div className="actions">
      <Button disabled={verify.isPending} onClick={() => verify.mutate()}>
        {text.audit.verify}
      </Button>
      <span role="status" className="said">
        {data !== undefined && text.audit.verified(formatCount(data.entries), formatCount(data.signed))}
      </span>
      {error instanceof LogFault && (
        <p role="alert" className="late">
          {text.audit.faults[error.what](error.sequence)}
        </p>
      )}
      {error !== null && !(error instanceof LogFault) && <ProblemNote problem={problemFrom(error)} />}
    </div>
  );
}
