import { useState } from "react";
import type { ModelContract } from "../api/control.js";
import { useMay, useSession } from "../app/session.js";
import { formatDay, formatMoment } from "../format/times.js";
import { text } from "../texts/en/models.js";
import { Button } from "../ui/button.js";
import { Facts } from "../ui/panel.js";
import { Compared } from "./compared.js";
import { RegisterDialog, SignDialog } from "./contract-dialogs.js";
import { Signature } from "./signature.js";
import type { ContractState, FoundVersion } from "./use-models.js";
import { contractStateOf, daysLeft } from "./use-models.js";

const words = text.contract;

const LOOKS: Readonly<Record<ContractState, string>> = {
  ...{ none: "tag", unsigned: "tag", expired: "tag bad", soon: "tag bad", signed: "tag good" },
};

interface ContractProps {
  readonly of: FoundVersion;
  /** Whether every version needs a model card. */
  readonly isRequired: boolean;
}

/** Who is responsible for a version and until when, who signed its card, and how it compares with the champion. */
export function Contract({ of, isRequired }: ContractProps) {
  const { version, champion } = of;
  const { card } = version;
  const state = contractStateOf(card, Date.now());
  return (
    <section className="contract" aria-label={words.title}>
      <h3>{words.title}</h3>
      <p>
        <span className={LOOKS[state]}>{words.states[state]}</span> {sentenceOf(of, state, isRequired)}
      </p>
      <Facts
        isListed
        of={[
          ...(card === null ? [] : factsOf(card)),
          [words.compared, version.version === champion ? words.isChampion : <Compared key="of" of={version} />],
        ]}
      />
      <Actions of={of} state={state} />
    </section>
  );
}

/** Warns at the top of the screen that a champion's model card has expired or will expire soon. */
export function ExpiryWarning({ of, isRequired }: ContractProps) {
  const state = contractStateOf(of.version.card, Date.now());
  if (state !== "expired" && state !== "soon") return null;
  return (
    <p className="problem">
      <strong>{words.warning(of.model, of.version.version)}</strong> {sentenceOf(of, state, isRequired)}
    </p>
  );
}

function sentenceOf({ version, champion }: FoundVersion, state: ContractState, isRequired: boolean): string {
  const { card, is_retrained: isRetrained } = version;
  if (card === null) return isRequired ? words.noneRequired : words.none;
  if (state === "expired") {
    const day = formatDay(Date.parse(card.expires_at));
    return version.version === champion ? words.expiredChampion(day) : words.expired(day);
  }
  if (state === "unsigned") return isRetrained ? words.unsignedRetrained : words.unsigned;
  return state === "soon" ? words.soon(daysLeft(card, Date.now())) : words.signed;
}

function factsOf(card: ModelContract) {
  const {
    owner,
    expires_at: expires,
    registered_by: by,
    registered_at: at,
    signed_by: signer,
    signed_at: signed,
  } = card;
  return [
    [words.owner, owner],
    [words.expires, formatMoment(Date.parse(expires))],
    [words.registered, <Signature key="registered" by={by} at={at} />],
    [words.signature, signer === null ? words.nobody : <Signature key="signed" by={signer} at={signed ?? at} />],
  ] as const;
}

function Actions({ of, state }: { readonly of: FoundVersion; readonly state: ContractState }) {
  const may = useMay();
  const { person } = useSession();
  const [open, setOpen] = useState<"register" | "sign">();
  const { card, is_retrained: isRetrained } = of.version;
  if (!may("models:write")) return <p className="quiet">{words.readOnly}</p>;
  const isOwn = card?.registered_by === person.id && !isRetrained;
  const close = () => setOpen(undefined);
  return (
    <>
      {state === "unsigned" && isOwn && <p>{words.ownCard}</p>}
      <div className="actions">
        {state === "unsigned" && !isOwn && (
          <Button look="primary" onClick={() => setOpen("sign")}>
            {words.sign}
          </Button>
        )}
        <Button onClick={() => setOpen("register")}>{card === null ? words.register : words.registerAgain}</Button>
      </div>
      {open === "register" && <RegisterDialog of={of} onClose={close} />}
      {open === "sign" && card !== null && <SignDialog of={of} card={card} onClose={close} />}
    </>
  );
}
