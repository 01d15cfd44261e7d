import { Link } from "@tanstack/react-router";
import type { EntityKind } from "#contract/cases";
import { useMay } from "../app/session.js";
import { UNKNOWN } from "../format/numbers.js";
import { Token } from "../ui/marks.js";

/** Links to a card, terminal, device or address. The value is passed in the navigation state, not in the URL. */
export function EntityLink({ kind, value }: { readonly kind: EntityKind; readonly value: string }) {
  const may = useMay();
  if (value === "") return <span className="quiet">{UNKNOWN}</span>;
  // A terminal is not personal data. The others require permission to see unmasked tokens.
  if (kind !== "terminal" && !may("personal:read")) return <Token value={value} />;
  return (
    <Link to="/look-up" state={{ entity: { kind, value } }}>
      <Token value={value} />
    </Link>
  );
}
