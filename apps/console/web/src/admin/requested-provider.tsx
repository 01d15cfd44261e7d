import type { AdminGrant } from "../api/auth.js";
import { problemFrom } from "../api/request.js";
import { text } from "../texts/en/admin.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { ProblemNote } from "../ui/states.js";
import { useProvider } from "./use-admin.js";

interface Setting {
  readonly id: string;
  readonly current: string;
  readonly requested: string;
}

const COLUMNS: readonly Column<Setting>[] = [
  { id: "setting", title: text.provider.setting, cell: ({ id }) => text.provider.settings[id] ?? id },
  { id: "current", title: text.provider.current, look: "grow", cell: ({ current }) => current },
  {
    id: "requested",
    title: text.provider.requested,
    look: "grow",
    cell: ({ current, requested }) => (current === requested ? requested : <strong>{requested}</strong>),
  },
];

/** The current and the requested settings of the identity provider, for the approver. */
export function RequestedProvider({ change }: Pick<AdminGrant, "change">) {
  const { data: current, error } = useProvider();
  if (error !== null) return <ProblemNote problem={problemFrom(error)} />;
  if (current === undefined) return null;
  const { secretSet, secretNew } = text.provider;
  const [before, after] = [
    { ...current, ...(current !== null && { client_secret: secretSet }) },
    { ...change.settings, ...(change.settings && { client_secret: change.has_new_secret ? secretNew : secretSet }) },
  ] as Record<string, unknown>[];
  const rows = Object.keys(text.provider.settings).map((id) => ({
    id,
    current: shown(before?.[id]),
    requested: shown(after?.[id]),
  }));
  return <DataTable caption={text.provider.title} columns={COLUMNS} rows={rows} rowKey={({ id }) => id} />;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return text.provider.none;
  if (typeof value === "boolean") return value ? text.provider.yes : text.provider.no;
  if (!Array.isArray(value)) return String(value);
  const parts = value.map((one: unknown) =>
    typeof one === "object" && one !== null ? Object.values(one).join(" → ") : String(one),
  );
  return parts.length === 0 ? text.provider.none : parts.join(", ");
}
