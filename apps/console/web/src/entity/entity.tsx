import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useRouterState } from "@tanstack/react-router";
import { useState } from "react";
import type { EntityDetail } from "#contract/cases";
import { request } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { formatCount, formatMoney, UNKNOWN } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { ENTITY_KINDS, entityKind } from "../lists/entity-kinds.js";
import { PersonalData } from "../personal/personal-data.js";
import { text as cases } from "../texts/en/cases.js";
import { text } from "../texts/en/screens.js";
import { Button } from "../ui/button.js";
import { DecisionTable } from "../ui/decision-table.js";
import { SelectField, TextField } from "../ui/field.js";
import { OutcomeMark } from "../ui/marks.js";
import { Facts, Panel } from "../ui/panel.js";
import { Empty, Loaded } from "../ui/states.js";

/** Not an entity, because payments have their own page. */
const PAYMENT = "payment";

interface Wanted {
  readonly kind: string;
  readonly value: string;
}

/** Details of a card, terminal or similar. The value is in the tab's history state, not in the URL. */
export function Entity() {
  const state = useRouterState({ select: ({ location }) => location.state.entity });
  const kind = entityKind(state?.kind)?.kind;
  const wanted = state === undefined || kind === undefined ? undefined : { kind, value: state.value };
  return (
    <Screen title={text.entity.title}>
      <LookUp key={`${wanted?.kind} ${wanted?.value}`} wanted={wanted} />
      {wanted === undefined ? (
        <Empty title={text.entity.empty}>{text.entity.emptyDetail}</Empty>
      ) : (
        <Found wanted={wanted} />
      )}
    </Screen>
  );
}

function LookUp({ wanted }: { readonly wanted: Wanted | undefined }) {
  const navigate = useNavigate();
  const [kind, setKind] = useState<string>(wanted?.kind ?? "card");
  const [value, setValue] = useState(wanted?.value ?? "");
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        if (kind === PAYMENT) void navigate({ to: "/payments/$id", params: { id: value.trim() } });
        else void navigate({ to: "/look-up", state: { entity: { kind, value: value.trim() } } });
      }}
    >
      <SelectField
        label={text.entity.kind}
        value={kind}
        options={[...ENTITY_KINDS.map((one) => [one.kind, one.title] as const), [PAYMENT, text.entity.payment]]}
        onChange={setKind}
      />
      <TextField label={text.entity.value} className="long" required value={value} onChange={setValue} />
      <Button type="submit" look="primary">
        {text.entity.look}
      </Button>
      <p className="quiet hint">{text.entity.hint}</p>
    </form>
  );
}

function Found({ wanted: { kind, value } }: { readonly wanted: Wanted }) {
  const query = useQuery({
    queryKey: ["entity", kind, value],
    queryFn: ({ signal }) => request<EntityDetail>(`/api/entities/${kind}/${encodeURIComponent(value)}`, { signal }),
    gcTime: 0,
  });
  return <Loaded query={query}>{(found) => <Known of={found} />}</Loaded>;
}

function Known({ of }: { readonly of: EntityDetail }) {
  const moment = (atMs: number | null): string => (atMs === null ? UNKNOWN : formatMoment(atMs));
  return (
    <>
      <Panel title={`${entityKind(of.kind)?.title ?? of.kind} ${of.value}`} className="entity-head">
        <Facts
          of={[
            [text.entity.payments, formatCount(of.payments)],
            [text.entity.frauds, of.frauds > 0 ? <span className="tag fraud">{of.frauds}</span> : "0"],
            [text.entity.first, moment(of.firstSeenMs)],
            [text.entity.last, moment(of.lastSeenMs)],
          ]}
        />
      </Panel>
      <div className="two">
        <Panel title={text.entity.features}>
          {of.features.length === 0 && <p className="quiet">{text.entity.noFeatures}</p>}
          <Facts isListed of={of.features.map(({ title, text: value }) => [title, value] as const)} />
        </Panel>
        <div className="stack">
          {of.kind === "card" && <PersonalData of={of.decisions} />}
          <OnLists of={of} />
          <Cases of={of} />
        </div>
      </div>
      <Panel title={text.entity.decisions}>
        {of.decisions.length === 0 ? (
          <p className="quiet">{text.entity.noDecisions}</p>
        ) : (
          <DecisionTable caption={text.entity.decisions} of={of.decisions} />
        )}
      </Panel>
    </>
  );
}

function OnLists({ of }: { readonly of: EntityDetail }) {
  return (
    <Panel title={text.entity.lists}>
      {of.lists.length === 0 && (
        <p className="quiet">{of.areListsUnknown === true ? text.entity.unknownLists : text.entity.noLists}</p>
      )}
      <ul className="lines">
        {of.lists.map(({ list, effect, reason, expiresAtMs }) => (
          <li key={list}>
            <strong>{list}</strong> <span className="tag">{text.lists.effects[effect] ?? effect}</span> {reason}{" "}
            <span className="quiet">
              {expiresAtMs === null ? text.entity.forever : text.entity.until(formatMoment(expiresAtMs))}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Cases({ of }: { readonly of: EntityDetail }) {
  return (
    <Panel title={text.entity.cases}>
      {of.cases.length === 0 && <p className="quiet">{text.entity.noCases}</p>}
      <ul className="lines">
        {of.cases.map((row) => (
          <li key={row.id}>
            <OutcomeMark outcome={row.outcome} />{" "}
            <Link to="/cases/$id" params={{ id: row.id }}>
              {cases.case.title(row.id)}
            </Link>{" "}
            {formatMoney(row.amountMinor, row.currency)}{" "}
            <span className="quiet">{cases.queue.statuses[row.status]}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
