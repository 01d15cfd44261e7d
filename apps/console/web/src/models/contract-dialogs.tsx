import { useState } from "react";
import type { ModelContract } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/models.js";
import { TextField } from "../ui/field.js";
import { Facts } from "../ui/panel.js";
import { ChangeDialog, dayInMonths, endOf } from "./change-dialog.js";
import { Compared } from "./compared.js";
import type { FoundVersion } from "./use-models.js";

const words = text.contract;
const MONTHS_DEFAULT = 6;

interface DialogProps {
  readonly of: FoundVersion;
  readonly onClose: () => void;
}

const subjectOf = ({ model, version }: FoundVersion) => ({
  description: `${model} ${version.version}`,
  path: `${CONTROL}/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version.version)}`,
});

/** Registers a model card, which another user must then sign. */
export function RegisterDialog({ of, onClose }: DialogProps) {
  const { card, is_retrained: isRetrained } = of.version;
  const [owner, setOwner] = useState(card?.owner ?? "");
  const [day, setDay] = useState(() => dayInMonths(MONTHS_DEFAULT));
  const expires = endOf(day);
  const body = { owner: owner.trim(), expires_at: expires };
  const isReady = body.owner !== "" && expires !== undefined;
  return (
    <ChangeDialog
      {...{ onClose, isReady }}
      title={words.registerTitle}
      description={subjectOf(of).description}
      action={words.register}
      path={`${subjectOf(of).path}/card`}
      options={{ method: "PUT", body }}
    >
      <TextField
        label={words.owner}
        hint={words.ownerHint}
        required
        maxLength={200}
        value={owner}
        onChange={setOwner}
      />
      <TextField label={words.expires} type="date" required value={day} onChange={setDay} />
      <p>{isRetrained ? words.registerRetrained : words.registerDetail}</p>
      {card !== null && card.signed_by !== null && <p>{words.removesSignature}</p>}
    </ChangeDialog>
  );
}

/** Shows the model card that the user signs. If it changes before the user signs it, control rejects the signature. */
export function SignDialog({ of, card, onClose }: DialogProps & { readonly card: ModelContract }) {
  const [read] = useState(card);
  const { owner, expires_at, registered_at } = read;
  const expires = formatMoment(Date.parse(expires_at));
  return (
    <ChangeDialog
      onClose={onClose}
      title={words.signTitle}
      description={subjectOf(of).description}
      action={words.sign}
      path={`${subjectOf(of).path}/signature`}
      options={{ method: "POST", body: { owner, expires_at, registered_at } }}
    >
      <Facts
        of={[
          [words.owner, owner],
          [words.expires, expires],
          [words.compared, <Compared key="of" of={of.version} />],
        ]}
      />
      <p>{words.signDetail(expires)}</p>
    </ChangeDialog>
  );
}
