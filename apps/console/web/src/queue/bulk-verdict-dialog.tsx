import { useState } from "react";
import { VERDICT_REASONS } from "#contract/cases";
import { REASON_WORDS, text } from "../texts/en/cases.js";
import { ChoiceField } from "../ui/choice-field.js";
import { AreaField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import type { BulkChange } from "./use-cases.js";

const NOTE_CHARACTERS_MAX = 1_000;

interface BulkVerdictProps {
  readonly count: number;
  readonly onConfirm: (change: BulkChange) => void;
  readonly onClose: () => void;
}

/** Asks for the reason for closing several cases as genuine. */
export function BulkVerdictDialog({ count, onConfirm, onClose }: BulkVerdictProps) {
  const [reason, setReason] = useState("");
  const [note, setNote] = useState("");
  const { bulk } = text.queue;
  return (
    <FormDialog
      title={bulk.genuineTitle(count)}
      description={bulk.genuineExplain}
      submit={bulk.submit(count)}
      onSubmit={() => {
        onConfirm({ verdict: { verdict: "genuine", reason, note } });
        onClose();
      }}
      onClose={onClose}
    >
      <ChoiceField
        label={text.verdict.reason}
        options={VERDICT_REASONS.genuine.map((one) => [one, REASON_WORDS[one] ?? one])}
        value={reason}
        onChange={setReason}
      />
      <AreaField label={text.verdict.note} value={note} maxLength={NOTE_CHARACTERS_MAX} onChange={setNote} />
    </FormDialog>
  );
}
