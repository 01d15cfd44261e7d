import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { CaseGraph, EntityKind, GraphNode } from "../contract/cases.js";
import { paymentsWith } from "../entities/searched-kinds.js";
import type { ShowToken } from "../requests/mask-token.js";

/** Maximum number of payments of the card; the newest ones are used. */
const PAYMENTS_MAX = 200;
/** Maximum number of neighbours per kind; those with the most payments are used. */
const NEIGHBOURS_MAX = 6;
/** Maximum number of payments per neighbour, because a large shop has millions; the newest ones are used. */
const OF_NEIGHBOUR_MAX = 500;
/** Maximum number of cards per neighbour; those with frauds come first. */
const CARDS_MAX = 4;

const neighbourRow = z.object({
  kind: z.enum(["terminal", "device", "ip"]),
  value: z.string(),
  payments: z.coerce.number(),
  found: z.coerce.number(),
});
const cardRow = z.object({
  kind: z.enum(["card", "terminal", "device", "ip"]),
  value: z.string(),
  card_token: z.string(),
  payments: z.coerce.number(),
  frauds: z.coerce.number(),
  cards: z.coerce.number(),
});

/** Links between this card and others: shared terminals, devices and addresses. */
export async function readGraph(database: Database, tenant: string, card: string, show: ShowToken): Promise<CaseGraph> {
  const neighbours = await database.query(
    neighbourRow,
    `WITH own AS (
       SELECT terminal_id, device_token, ip_token FROM console.payments WHERE tenant = $1 AND card_token = $2
       ORDER BY occurred_at_ms DESC LIMIT ${PAYMENTS_MAX}
     ), used AS (
       SELECT kind, value, count(*) AS payments, row_number() OVER (PARTITION BY kind ORDER BY count(*) DESC, value) AS place,
         count(*) OVER (PARTITION BY kind) AS found
       FROM own, LATERAL (VALUES ('terminal', terminal_id), ('device', device_token), ('ip', ip_token)) AS v (kind, value)
       WHERE value <> '' GROUP BY kind, value
     )
     SELECT kind, value, payments, found FROM used WHERE place <= ${NEIGHBOURS_MAX}`,
    [tenant, card],
  );
  const [own] = await cardsAt(database, tenant, { kind: "card", value: card });
  const cards = (await Promise.all(neighbours.map((one) => cardsAt(database, tenant, one)))).flat();
  const nodes = new Map<string, GraphNode>();
  const edges: { from: string; to: string; payments: number }[] = [];
  const shown = (kind: EntityKind, value: string): string => (kind === "terminal" ? value : show(value));
  const idOf = (kind: EntityKind, value: string): string => `${kind}:${shown(kind, value)}`;
  const subject = idOf("card", card);
  const node = (kind: EntityKind, value: string, payments: number, frauds: number): string => {
    const id = idOf(kind, value);
    const before = nodes.get(id);
    const sums = { payments: (before?.payments ?? 0) + payments, frauds: (before?.frauds ?? 0) + frauds };
    nodes.set(id, { id, kind, value: shown(kind, value), ...sums, isSubject: id === subject });
    return id;
  };
  node("card", card, own?.payments ?? 0, own?.frauds ?? 0);
  for (const { kind, value, payments } of neighbours) {
    const here = cards.filter((row) => row.kind === kind && row.value === value);
    const place = node(kind, value, sum(here.map((row) => row.payments)), sum(here.map((row) => row.frauds)));
    edges.push({ from: subject, to: place, payments });
    const others = here.filter(({ card_token }) => card_token !== card).slice(0, CARDS_MAX);
    for (const other of others) {
      edges.push({
        from: node("card", other.card_token, other.payments, other.frauds),
        to: place,
        payments: other.payments,
      });
    }
  }
  const isCut = neighbours.some((one) => one.found > NEIGHBOURS_MAX) || cards.some((row) => row.cards > CARDS_MAX + 1);
  return { nodes: [...nodes.values()], edges, isCut };
}

function cardsAt(database: Database, tenant: string, { kind, value }: Pick<z.infer<typeof cardRow>, "kind" | "value">) {
  return database.query(
    cardRow,
    `SELECT $3::text AS kind, $2::text AS value, card_token, count(*) AS payments, count(*) FILTER (WHERE l.fraud) AS frauds,
       count(*) OVER () AS cards
     FROM (SELECT transaction_id, card_token ${paymentsWith(kind, "$1", "$2")}
       ORDER BY occurred_at_ms DESC LIMIT ${OF_NEIGHBOUR_MAX}) p
     LEFT JOIN console.labels l USING (transaction_id)
     GROUP BY card_token ORDER BY frauds DESC, payments DESC, card_token`,
    [tenant, value, kind],
  );
}

const sum = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);
