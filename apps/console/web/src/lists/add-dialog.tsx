import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import { isBroad } from "@tripline/contracts/lists/list-kinds";
import { useState } from "react";
import type { ListPreview, ListSummary } from "../api/control.js";
import { problemFrom } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/screens.js";
import { SelectField, TextField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { ProblemNote } from "../ui/states.js";
import { useChangeLists } from "./use-lists.js";

const DAY_MS = 86_400_000;
const REASON_CHARACTERS_MAX = 200;
const NEW = " new";
const BUILT_IN = ["deny", "watch", "allow"];

const EXPIRY_DAYS = { never: 0, day: 1, week: 7, month: 30, quarter: 90 } as const;
type Expiry = keyof typeof EXPIRY_DAYS;
const EXPIRIES = Object.keys(EXPIRY_DAYS) as Expiry[];

interface AddDialogProps {
  readonly lists: readonly ListSummary[];
  readonly list: string;
  readonly onClose: () => void;
}

export function AddDialog({ lists, list, onClose }: AddDialogProps) {
  const [form, setForm, drop] = useDraft("list entry", {
    list,
    name: "",
    effect: "watch",
    kind: "card",
    value: "",
    reason: "",
    expiry: "month" as Expiry,
  });
  const [initial] = useState(form);
  const { add, preview } = useChangeLists();
  const set = (change: Partial<typeof initial>): void => setForm({ ...form, ...change });
  const names = [...new Set([...BUILT_IN, ...lists.map((one) => one.list)])];
  const isNew = form.list === NEW;
  const save = (): void => {
    const days = EXPIRY_DAYS[form.expiry];
    const expires_at = days === 0 ? null : new Date(Date.now() + days * DAY_MS).toISOString();
    const entry = { kind: form.kind, value: form.value.trim(), reason: form.reason.trim(), expires_at };
    const done = ({ waiting }: { waiting?: unknown }): void => {
      drop(form);
      if (waiting === undefined) onClose();
    };
    add.mutate(
      { list: isNew ? form.name : form.list, ...(isNew ? { effect: form.effect } : {}), entries: [entry] },
      { onSuccess: done },
    );
  };
  const isPreviewed = preview.variables?.kind === form.kind && preview.variables.value === form.value.trim();
  const mustPreview = isBroad(form) && !(isPreviewed && preview.isSuccess);
  return (
    <FormDialog
      title={text.lists.add}
      submit={mustPreview ? text.lists.preview : text.lists.add}
      change={add}
      isReady={!preview.isPending}
      onSubmit={() => {
        if (mustPreview) preview.mutate({ kind: form.kind, value: form.value.trim() });
        else save();
      }}
      onClose={onClose}
    >
      <SelectField
        label={text.lists.list}
        value={form.list}
        options={[...names.map((name) => [name, name] as const), [NEW, text.lists.newList]]}
        onChange={(value) => set({ list: value })}
      />
      {isNew && <NewList form={form} set={set} />}
      <EntryFields form={form} set={set} />
      {isPreviewed && preview.data !== undefined && <PreviewNote of={preview.data} />}
      {isPreviewed && preview.error !== null && <ProblemNote problem={problemFrom(preview.error)} />}
      {add.data?.waiting !== undefined && <p role="status">{text.lists.waiting}</p>}
    </FormDialog>
  );
}

function PreviewNote({ of: { payments, matched, share, from } }: { readonly of: ListPreview }) {
  if (from === null) return <p role="status">{text.lists.previewNothing}</p>;
  const percent = (share * 100).toFixed(1);
  return <p role="status">{text.lists.previewed(percent, matched, payments, formatMoment(Date.parse(from)))}</p>;
}

interface Form {
  readonly name: string;
  readonly effect: string;
  readonly kind: string;
  readonly value: string;
  readonly reason: string;
  readonly expiry: Expiry;
}

interface FieldsProps {
  readonly form: Form;
  readonly set: (change: Partial<Form>) => void;
}

function NewList({ form, set }: FieldsProps) {
  return (
    <>
      <TextField
        label={text.lists.listName}
        required
        pattern="[a-z][a-z0-9\-]{0,31}"
        value={form.name}
        onChange={(name) => set({ name })}
      />
      <SelectField
        label={text.lists.effect}
        value={form.effect}
        options={Object.entries(text.lists.effects)}
        onChange={(effect) => set({ effect })}
      />
    </>
  );
}

function EntryFields({ form, set }: FieldsProps) {
  return (
    <>
      <SelectField
        label={text.lists.kind}
        value={form.kind}
        options={LIST_KINDS.map((kind) => [kind, text.lists.kinds[kind]])}
        onChange={(kind) => set({ kind })}
      />
      <TextField label={text.lists.value} required value={form.value} onChange={(value) => set({ value })} />
      <TextField
        label={text.lists.reason}
        required
        maxLength={REASON_CHARACTERS_MAX}
        value={form.reason}
        onChange={(reason) => set({ reason })}
      />
      <SelectField
        label={text.lists.expires}
        value={form.expiry}
        options={EXPIRIES.map((expiry) => [expiry, text.lists.expiry[expiry]])}
        onChange={(value) => set({ expiry: EXPIRIES.find((one) => one === value) ?? "never" })}
      />
    </>
  );
}
