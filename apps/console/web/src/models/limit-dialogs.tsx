import { useState } from "react";
import type { PromotionLimits } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/models.js";
import { CheckField, TextField } from "../ui/field.js";
import { ChangeDialog, dayInMonths, endOf } from "./change-dialog.js";
import { LimitFacts } from "./limit-facts.js";

const words = text.limits;
const MONTHS_DEFAULT = 6;

interface DialogProps {
  readonly model: string;
  readonly onClose: () => void;
}

const pathOf = (model: string): string => `${CONTROL}/models/${encodeURIComponent(model)}/limits`;

const NUMBERS = {
  percent_max: { label: words.percentField, min: 5, max: 100, standard: 100 },
  promotions_max: { label: words.promotionsField, min: 1, max: 100, standard: 4 },
  mature_labels_min: { label: words.labelsField, min: 0, max: 100_000, standard: 200 },
  label_days_min: { label: words.labelDaysField, min: 0, max: 180, standard: 14 },
  card_days: { label: words.cardDaysField, min: 1, max: 1_098, standard: 180 },
} as const;
type NumberName = keyof typeof NUMBERS;
const NUMBER_NAMES = Object.keys(NUMBERS) as readonly NumberName[];

/** Sets or replaces limits, which another user must then sign. */
export function SetLimitsDialog({ model, limits, onClose }: DialogProps & { readonly limits: PromotionLimits | null }) {
  const [owner, setOwner] = useState(limits?.owner ?? "");
  const [day, setDay] = useState(() => dayInMonths(MONTHS_DEFAULT));
  const [needsMoney, setNeedsMoney] = useState(limits?.needs_money ?? true);
  const [mayBeAsGood, setMayBeAsGood] = useState(limits?.may_be_as_good ?? false);
  const [numbers, setNumbers] = useState<Readonly<Record<NumberName, string>>>(() => startNumbers(limits));
  const expires = endOf(day);
  const body = {
    ...Object.fromEntries(NUMBER_NAMES.map((name) => [name, Number(numbers[name])])),
    ...{ owner: owner.trim(), expires_at: expires, needs_money: needsMoney, may_be_as_good: mayBeAsGood },
  };
  return (
    <ChangeDialog
      title={words.setTitle}
      description={model}
      action={words.setButton}
      path={pathOf(model)}
      options={{ method: "PUT", body }}
      isReady={body.owner !== "" && expires !== undefined}
      onClose={onClose}
    >
      <TextField
        label={words.owner}
        hint={text.contract.ownerHint}
        required
        maxLength={200}
        value={owner}
        onChange={setOwner}
      />
      {NUMBER_NAMES.map((name) => {
        const { label, min, max } = NUMBERS[name];
        const change = (value: string) => setNumbers({ ...numbers, [name]: value });
        return (
          <TextField
            key={name}
            type="number"
            required
            {...{ label, min, max }}
            value={numbers[name]}
            onChange={change}
          />
        );
      })}
      <CheckField label={words.moneyField} isChecked={needsMoney} onChange={setNeedsMoney} />
      <CheckField label={words.asGoodField} isChecked={mayBeAsGood} onChange={setMayBeAsGood} />
      <TextField label={words.expires} type="date" required value={day} onChange={setDay} />
      <p>
        {words.setDetail} {limits === null ? words.required : words.removesSignature}
      </p>
    </ChangeDialog>
  );
}

function startNumbers(limits: PromotionLimits | null): Record<NumberName, string> {
  const entries = NUMBER_NAMES.map((name) => [name, String(limits?.[name] ?? NUMBERS[name].standard)]);
  return Object.fromEntries(entries) as Record<NumberName, string>;
}

/** Shows the limits that the user signs. If they change before the user signs them, control rejects the signature. */
export function SignLimitsDialog({ model, limits, onClose }: DialogProps & { readonly limits: PromotionLimits }) {
  const [read] = useState(limits);
  return (
    <ChangeDialog
      title={words.signTitle}
      description={model}
      action={words.sign}
      path={`${pathOf(model)}/signature`}
      options={{ method: "POST", body: { set_at: read.set_at } }}
      onClose={onClose}
    >
      <LimitFacts of={read} />
      <p>{words.signDetail(formatMoment(Date.parse(read.expires_at)))}</p>
    </ChangeDialog>
  );
}

export function WithdrawDialog({ model, onClose }: DialogProps) {
  return (
    <ChangeDialog
      title={words.withdraw}
      description={model}
      action={words.withdraw}
      path={`${pathOf(model)}/signature`}
      options={{ method: "DELETE" }}
      onClose={onClose}
    >
      <p>{words.withdrawDetail}</p>
    </ChangeDialog>
  );
}
