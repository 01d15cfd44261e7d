import { useMemo, useState } from "react";
import type { WebhookEndpoint } from "../api/control.js";
import { useMay } from "../app/session.js";
import { formatCount } from "../format/numbers.js";
import { formatMoment, formatShortMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/webhooks.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded } from "../ui/states.js";
import { AddEndpointDialog } from "./add-endpoint-dialog.js";
import { EndpointDialog } from "./endpoint-dialog.js";
import { useEndpoints } from "./use-webhooks.js";

const { endpoints: words } = text;

function State({ of }: { readonly of: WebhookEndpoint }) {
  const { paused_because: because, failing_since: since, missed_events: missed } = of;
  return (
    <>
      {because !== null && <span className={because === "user" ? "tag" : "tag bad"}>{words.paused[because]}</span>}
      {because === null && since !== null && (
        <span className="tag bad">{words.failing(formatShortMoment(Date.parse(since)))}</span>
      )}
      {because === null && since === null && <span className="tag good">{words.active}</span>}
      {missed > 0 && <span className="tag bad">{words.missed(formatCount(missed))}</span>}
    </>
  );
}

const COLUMNS: readonly Column<WebhookEndpoint>[] = [
  {
    id: "url",
    title: words.url,
    look: "grow",
    cell: ({ url, description }) => (
      <>
        <code>{url}</code> {description !== "" && <span className="quiet">{description}</span>}
      </>
    ),
  },
  { id: "events", title: words.events, look: "grow", cell: ({ event_types: types }) => types.join(", ") },
  { id: "state", title: words.state, cell: (endpoint) => <State of={endpoint} /> },
  {
    id: "created",
    title: words.created,
    look: "wide",
    cell: ({ created_at: at }) => <time>{formatMoment(Date.parse(at))}</time>,
  },
];

export function Endpoints() {
  const query = useEndpoints();
  const mayChange = useMay()("webhooks:write");
  const [isAdding, setAdding] = useState(false);
  const [changed, setChanged] = useState<WebhookEndpoint>();
  const columns = useMemo((): readonly Column<WebhookEndpoint>[] => {
    if (!mayChange) return COLUMNS;
    const cell = (endpoint: WebhookEndpoint) => (
      <Button look="quiet" aria-label={text.changeOne(endpoint.url)} onClick={() => setChanged(endpoint)}>
        {text.change}
      </Button>
    );
    return [...COLUMNS, { id: "action", title: app.action, cell }];
  }, [mayChange]);
  return (
    <Panel title={words.title} aside={mayChange && <Button onClick={() => setAdding(true)}>{words.add}</Button>}>
      <Loaded query={query} lines={3}>
        {({ endpoints }) =>
          endpoints.length === 0 ? (
            <Empty title={words.none}>{words.noneDetail}</Empty>
          ) : (
            <DataTable caption={words.title} columns={columns} rows={endpoints} rowKey={({ id }) => id} />
          )
        }
      </Loaded>
      {isAdding && <AddEndpointDialog onClose={() => setAdding(false)} />}
      {changed !== undefined && <EndpointDialog of={changed} onClose={() => setChanged(undefined)} />}
    </Panel>
  );
}
