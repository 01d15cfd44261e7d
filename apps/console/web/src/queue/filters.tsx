import { useNavigate } from "@tanstack/react-router";
import { CURRENCIES, currencyDecimals } from "@tripline/contracts/currency";
import type { KeyboardEvent } from "react";
import { useRef } from "react";
import { useShortcuts } from "../app/shortcuts.js";
import { useNameOf } from "../app/user-name.js";
import { parseMajor, toMajor } from "../format/numbers.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { CheckField, SelectField, TextField } from "../ui/field.js";
import type { QueueSearch } from "./queue-search.js";
import { OUTCOMES, readQueueSearch, SORTS, STATUSES } from "./queue-search.js";

/** Without a currency, the amount is treated as minor units of any currency, entered as for two decimals. */
const TYPED_AS = "EUR";
const ANY = ["", text.queue.any] as const;

interface FiltersProps {
  readonly search: QueueSearch;
  readonly typed: string;
  readonly onTyped: (typed: string) => void;
}

/** The filters are in the URL, so a link or a saved view opens the same queue. */
export function Filters({ search, typed, onTyped }: FiltersProps) {
  const navigate = useNavigate({ from: "/queue" });
  const box = useRef<HTMLFormElement>(null);
  useShortcuts({ q: () => box.current?.querySelector("input")?.focus() });
  const set = (change: Record<string, unknown>): void =>
    void navigate({ search: readQueueSearch({ ...search, ...change }), replace: true });
  const hasFilters = typed !== "" || Object.keys(search).length > 0;
  return (
    <search>
      <form ref={box} className="filters" aria-label={text.queue.filters} onSubmit={(event) => event.preventDefault()}>
        <TextField
          label={text.queue.search}
          type="search"
          aria-keyshortcuts="q"
          value={typed}
          onChange={onTyped}
          onKeyDown={leaveOnEscape}
        />
        <Choices search={search} set={set} />
        <CheckField
          label={text.queue.overdue}
          isChecked={search.overdue === true}
          onChange={(overdue) => set({ overdue })}
        />
        <CheckField
          label={text.queue.escalated}
          isChecked={search.escalated === true}
          onChange={(escalated) => set({ escalated })}
        />
        {hasFilters && (
          <Button
            look="quiet"
            onClick={() => {
              onTyped("");
              void navigate({ search: {}, replace: true });
            }}
          >
            {text.queue.clear}
          </Button>
        )}
      </form>
    </search>
  );
}

/**
 * Moves the focus to the list, where single keys work. By default, browsers would clear the field, which would change
 * the list.
 */
function leaveOnEscape(event: KeyboardEvent<HTMLInputElement>): void {
  if (event.key !== "Escape") return;
  event.preventDefault();
  event.currentTarget.blur();
}

interface ChoicesProps {
  readonly search: QueueSearch;
  readonly set: (change: Record<string, unknown>) => void;
}

function Choices({ search, set }: ChoicesProps) {
  const nameOf = useNameOf();
  const { me, nobody } = text.queue.assignees;
  const known: readonly (readonly [string, string])[] = [ANY, ["me", me], ["nobody", nobody]];
  const { assignee = "" } = search;
  const assignees = known.some(([value]) => value === assignee)
    ? known
    : [...known, [assignee, nameOf(assignee)] as const];
  return (
    <>
      <SelectField
        label={text.queue.status}
        value={search.status ?? "open"}
        options={STATUSES.map((status) => [status, text.queue.statuses[status]])}
        onChange={(status) => set({ status: status === "open" ? undefined : status })}
      />
      <SelectField
        label={text.queue.outcome}
        value={search.outcome ?? ""}
        options={[ANY, ...OUTCOMES.map((outcome) => [outcome, app.outcomes[outcome]] as const)]}
        onChange={(outcome) => set({ outcome })}
      />
      <SelectField
        label={text.queue.assignee}
        value={search.assignee ?? ""}
        options={assignees}
        onChange={(assignee) => set({ assignee })}
      />
      <SelectField
        label={text.queue.sort}
        value={search.sort ?? "due"}
        options={SORTS.map((sort) => [sort, text.queue.sorts[sort]])}
        onChange={(sort) => set({ sort: sort === "due" ? undefined : sort })}
      />
      <AmountFilter search={search} set={set} />
      <TextField
        label={text.queue.reason}
        className="medium"
        value={search.reason ?? ""}
        onChange={(reason) => set({ reason: reason.toUpperCase() })}
      />
    </>
  );
}

const CURRENCY_OPTIONS = [ANY, ...CURRENCIES.map((code) => [code, code] as const)];

const typedAs = (currency: string): string => (currency === "" ? TYPED_AS : currency);

/** The entered number stays when the currency changes: 50 EUR becomes 50 JPY, a different amount in minor units. */
function AmountFilter({ search: { currency = "", amountMinorMin }, set }: ChoicesProps) {
  const typed = amountMinorMin === undefined ? "" : toMajor(amountMinorMin, typedAs(currency));
  const change = (to: string, amount: string): void =>
    set({ currency: to, amountMinorMin: parseMajor(amount, typedAs(to)) });
  return (
    <>
      <SelectField
        label={text.queue.currency}
        value={currency}
        options={CURRENCY_OPTIONS}
        onChange={(to) => change(to, String(typed))}
      />
      <TextField
        label={text.queue.amountMin}
        className="short"
        type="number"
        min={0}
        step={10 ** -currencyDecimals(typedAs(currency))}
        title={currency === "" ? text.queue.amountHint : undefined}
        value={typed}
        onChange={(amount) => change(currency, amount)}
      />
    </>
  );
}
