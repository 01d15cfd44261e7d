import { WEBHOOK_EVENT_TYPES, WEBHOOK_TEST_EVENT } from "@tripline/contracts/webhook-events";
import { useMemo, useState } from "react";
import type { WebhookDelivery } from "../api/control.js";
import { problemFrom } from "../api/request.js";
import { useMay } from "../app/session.js";
import { formatMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/webhooks.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { SelectField } from "../ui/field.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded, ProblemNote } from "../ui/states.js";
import type { DeliveryFilter } from "./use-webhooks.js";
import { useDeliveries, useEndpointChange, useEndpoints } from "./use-webhooks.js";

const { log: words } = text;
const ALL = { endpoint: "", type: "", state: "" };
const ANY = ["", words.all] as const;
const TYPES = [ANY, ...[...WEBHOOK_EVENT_TYPES, WEBHOOK_TEST_EVENT].map((type) => [type, type] as const)];
const STATES = [ANY, ...Object.entries(words.states)];
const LOOKS = { pending: "", delivered: "good", failed: "bad" } as const;

const resultOf = ({ attempts, last_status: status, last_error: error }: WebhookDelivery): string =>
  [words.attempts(attempts), status === null ? error : words.status(status)].filter((part) => part !== null).join(", ");

const COLUMNS: readonly Column<WebhookDelivery>[] = [
  { id: "time", title: words.time, cell: ({ occurred_at: at }) => <time>{formatMoment(Date.parse(at))}</time> },
  { id: "type", title: words.type, cell: ({ event_type: type }) => type },
  { id: "id", title: words.id, look: "wide", cell: ({ event_id: id }) => <code>{id}</code> },
  {
    id: "state",
    title: words.state,
    cell: ({ state, is_overtaken: isOvertaken }) => (
      <>
        <span className={`tag ${LOOKS[state]}`}>{words.states[state]}</span>{" "}
        {isOvertaken && state === "pending" && (
          <span className="tag" title={words.overtakenDetail}>
            {words.overtaken}
          </span>
        )}
      </>
    ),
  },
  { id: "result", title: words.result, look: "grow", cell: resultOf },
  {
    id: "next",
    title: words.next,
    look: "wide",
    cell: ({ next_attempt_at: at }) => at !== null && <time>{formatMoment(Date.parse(at))}</time>,
  },
];

export function Deliveries() {
  const [filter, setFilter] = useState<DeliveryFilter>(ALL);
  const endpoints = useEndpoints().data?.endpoints ?? [];
  const set = (change: Partial<DeliveryFilter>): void => setFilter({ ...filter, ...change });
  return (
    <Panel title={words.title}>
      <div className="filters">
        <SelectField
          label={words.endpoint}
          value={filter.endpoint}
          options={[ANY, ...endpoints.map(({ id, url }) => [id, url] as const)]}
          onChange={(endpoint) => set({ endpoint })}
        />
        <SelectField label={words.type} value={filter.type} options={TYPES} onChange={(type) => set({ type })} />
        <SelectField label={words.state} value={filter.state} options={STATES} onChange={(state) => set({ state })} />
      </div>
      <Rows filter={filter} />
    </Panel>
  );
}

function Rows({ filter }: { readonly filter: DeliveryFilter }) {
  const query = useDeliveries(filter);
  const again = useEndpointChange();
  const mayReplay = useMay()("webhooks:write");
  const rows = useMemo(() => query.data?.pages.flatMap(({ deliveries }) => deliveries) ?? [], [query.data]);
  const { mutate, isPending } = again;
  const columns = useMemo((): readonly Column<WebhookDelivery>[] => {
    if (!mayReplay) return COLUMNS;
    const cell = ({ state, endpoint_id: id, event_id }: WebhookDelivery) =>
      state !== "pending" && (
        <Button
          look="quiet"
          aria-label={words.replayOne(event_id)}
          disabled={isPending}
          onClick={() => mutate({ id, replay: { event_id } })}
        >
          {words.replay}
        </Button>
      );
    return [...COLUMNS, { id: "action", title: app.action, cell }];
  }, [mayReplay, isPending, mutate]);
  return (
    <>
      {again.error !== null && <ProblemNote problem={problemFrom(again.error)} />}
      <Loaded query={query}>
        {() =>
          rows.length === 0 ? (
            <Empty title={words.none}>{words.noneDetail}</Empty>
          ) : (
            <>
              <DataTable
                caption={words.title}
                columns={columns}
                rows={rows}
                rowKey={({ endpoint_id, event_id }) => `${endpoint_id} ${event_id}`}
              />
              {query.hasNextPage && (
                <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  {app.more}
                </Button>
              )}
            </>
          )
        }
      </Loaded>
    </>
  );
}
