import { Link } from "@tanstack/react-router";
import { useMay } from "../app/session.js";
import { UNKNOWN } from "../format/numbers.js";
import { entityKind } from "../lists/entity-kinds.js";
import { Token } from "../ui/marks.js";

/** Links to the page of a card, terminal or similar. The value is passed in the navigation state, not in the URL. */
export function EntityLink({ kind, value }: { readonly kind: string; readonly value: string }) {
  const may = useMay();
  if (value === "") return <span className="quiet">{UNKNOWN}</span>;
  // Personal kinds require permission to see unmasked tokens. Terminals, for example, are not personal.
  if (entityKind(kind)?.isPersonal !== false && !may("personal:read")) return <Token value={value} />;
  return (
    <Link to="/look-up" state={{ entity: { kind, value } }}>
      <Token value={value} />
    </Link>
  );
}
