import { useState } from "react";
import type { PaymentDetail } from "#contract/payments";
import { text } from "../texts/en/payment.js";
import { CopyButton } from "../ui/copy-button.js";
import { Panel } from "../ui/panel.js";

const INDENT = 2;

/** The payment's records as JSON. */
export function RawRecord({ of }: { readonly of: PaymentDetail }) {
  const [isOpen, setOpen] = useState(false);
  const json = JSON.stringify(of.record, null, INDENT);
  return (
    <Panel title={text.record} aside={<CopyButton value={json} />} className="raw-record">
      <p className="quiet">{text.recordDetail}</p>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{text.recordShow}</summary>
        {isOpen && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable content must be reachable by keyboard
          <section className="json" aria-label={text.record} tabIndex={0}>
            <pre>{json}</pre>
          </section>
        )}
      </details>
    </Panel>
  );
}
