import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useMay } from "../app/session.js";
import { text } from "../texts/en/payment.js";

/** Links to a payment's page, for users who may see decisions. */
export function PaymentLink({ id, children }: { readonly id: string; readonly children: ReactNode }) {
  const may = useMay();
  if (!may("decisions:read")) return children;
  return (
    <Link to="/payments/$id" params={{ id }} title={text.open}>
      {children}
    </Link>
  );
}
