import type { NavigateOptions } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { SearchResult } from "#contract/search";
import { formatMoney } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { entityKind } from "../lists/entity-kinds.js";
import { text as cases } from "../texts/en/cases.js";
import { text } from "../texts/en/search.js";
import { OutcomeMark, Token } from "../ui/marks.js";

export interface Hit {
  readonly key: string;
  readonly title: ReactNode;
  readonly detail: ReactNode;
  readonly to: NavigateOptions;
}

export interface HitGroup {
  readonly title: string;
  readonly hits: readonly Hit[];
}

/** The results, grouped by kind. Omits empty groups. */
export function groupHits(found: SearchResult): HitGroup[] {
  const { groups } = text;
  const all: readonly HitGroup[] = [
    { title: groups.payments, hits: found.payments.map(paymentHit) },
    { title: groups.cases, hits: found.cases.map(caseHit) },
    { title: groups.entities, hits: found.entities.map(entityHit) },
    { title: groups.users, hits: found.users.map(userHit) },
    { title: groups.reasons, hits: found.reasons.map(reasonHit) },
  ];
  return all.filter(({ hits }) => hits.length > 0);
}

function paymentHit(row: SearchResult["payments"][number]): Hit {
  return {
    key: row.transactionId,
    title: (
      <>
        <OutcomeMark outcome={row.outcome} /> <strong>{formatMoney(row.amountMinor, row.currency)}</strong>{" "}
        {row.clientTransactionId}
      </>
    ),
    detail: formatMoment(row.occurredAtMs),
    to: { to: "/payments/$id", params: { id: row.transactionId } },
  };
}

function caseHit(row: SearchResult["cases"][number]): Hit {
  return {
    key: row.id,
    title: (
      <>
        <OutcomeMark outcome={row.outcome} /> <strong>{cases.case.title(row.id)}</strong>{" "}
        {formatMoney(row.amountMinor, row.currency)}
      </>
    ),
    detail: cases.queue.statuses[row.status],
    to: { to: "/cases/$id", params: { id: row.id } },
  };
}

function entityHit({ kind, value, lastSeenMs }: SearchResult["entities"][number]): Hit {
  return {
    key: `${kind} ${value}`,
    title: (
      <>
        {entityKind(kind)?.title ?? kind} <Token value={value} />
      </>
    ),
    detail: lastSeenMs === null ? "" : text.lastSeen(formatMoment(lastSeenMs)),
    to: { to: "/look-up", state: { entity: { kind, value } } },
  };
}

function userHit({ id, name }: SearchResult["users"][number]): Hit {
  return {
    key: `user ${id}`,
    title: <strong>{name}</strong>,
    detail: text.casesOf,
    to: { to: "/queue", search: { assignee: id } },
  };
}

function reasonHit(code: string): Hit {
  return {
    key: `reason ${code}`,
    title: <code>{code}</code>,
    detail: text.casesWith,
    to: { to: "/queue", search: { reason: code } },
  };
}
