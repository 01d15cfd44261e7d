import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { OpenedPersonal, OpenedValue } from "#contract/personal";
import { OPEN_REASONS } from "#contract/personal";
import { problemFrom, request } from "../api/request.js";
import { useMay } from "../app/session.js";
import { text } from "../texts/en/personal.js";
import { Button } from "../ui/button.js";
import { SelectField } from "../ui/field.js";
import { Facts, Panel } from "../ui/panel.js";
import { ProblemNote } from "../ui/states.js";

/** Maximum number of payments per request. */
const PAYMENTS_MAX = 100;
/** The data is hidden after this time, in case the screen is left unattended. */
const SHOWN_MS_MAX = 300_000;

const UNOPENED = ["erased", "keyless", "empty", "missing"] as const;

interface PersonalDataProps {
  /** Payments, newest first. */
  readonly of: readonly { readonly transactionId: string }[];
}

/** Shows decrypted personal data for a stated reason. It is hidden again after a while and not stored. */
export function PersonalData({ of }: PersonalDataProps) {
  const may = useMay();
  const [reason, setReason] = useState("");
  const { data, error, isPending, mutate, reset } = useMutation({
    mutationFn: () => {
      const transactionIds = of.slice(0, PAYMENTS_MAX).map(({ transactionId }) => transactionId);
      return request<OpenedPersonal>("/api/personal/open", { method: "POST", body: { transactionIds, reason } });
    },
    gcTime: 0,
  });
  useEffect(() => {
    if (data === undefined) return undefined;
    const timer = setTimeout(reset, SHOWN_MS_MAX);
    return () => clearTimeout(timer);
  }, [data, reset]);
  if (!may("personal:read") || of.length === 0) return null;
  return (
    <Panel title={text.title} aside={data !== undefined && <Button onClick={reset}>{text.hide}</Button>}>
      {data === undefined ? (
        <form
          className="personal"
          onSubmit={(event) => {
            event.preventDefault();
            mutate();
          }}
        >
          <p className="quiet">{text.sealed}</p>
          <SelectField
            label={text.reason}
            required
            value={reason}
            options={[["", text.choose], ...OPEN_REASONS.map((one) => [one, text.reasons[one]] as const)]}
            onChange={setReason}
          />
          <Button type="submit" disabled={isPending || reason === ""}>
            {text.open}
          </Button>
          {error !== null && <ProblemNote problem={problemFrom(error)} />}
        </form>
      ) : (
        <Opened of={data} />
      )}
    </Panel>
  );
}

function Opened({ of }: { readonly of: OpenedPersonal }) {
  const isOne = of.payments.opened === 1;
  return (
    <div className="personal" role="status">
      {of.payments.opened > 0 && (
        <Facts
          of={of.fields.map(
            ({ name, title, values }) => [title, <Values key={name} of={values} isOne={isOne} />] as const,
          )}
        />
      )}
      {UNOPENED.filter((why) => of.payments[why] > 0).map((why) => (
        <p key={why} className={why === "erased" ? "" : "quiet"}>
          {text[why](of.payments[why])}
        </p>
      ))}
    </div>
  );
}

/** The values in all payments. For a single payment, counts are omitted. */
function Values({ of, isOne }: { readonly of: readonly OpenedValue[]; readonly isOne: boolean }) {
  return (
    <ul className="opened">
      {of.map(({ value, payments }) => (
        <li key={value}>
          <bdi>{value}</bdi> {!isOne && <span className="quiet">{text.inPayments(payments)}</span>}
        </li>
      ))}
    </ul>
  );
}
