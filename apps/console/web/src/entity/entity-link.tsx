import { Link } from "@tanstack/react-router";
import type { EntityKind } from "#contract/cases";
import { useMay } from "../app/session.js";
import { UNKNOWN } from "../format/numbers.js";
import { Token } from "../ui/marks.js";

/** Leads to what is known of a card, terminal, device or address. The value travels beside the address, not in it. */
export function EntityLink({ kind, value }: { readonly kind: EntityKind; readonly value: string }) {
  const may = useMay();
  if (value === "") return <span className="quiet">{UNKNOWN}</span>;
  // A terminal says nothing of a person. The others need the permission to see their tokens whole.
  if (kind !== "terminal" && !may("personal:read")) return <Token value={value} />;
  return (
    <Link to="/look-up" state={{ entity: { kind, value } }}>
      <Token value={value} />
    </Link>
  );
}
