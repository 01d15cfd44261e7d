import type { Drift } from "#contract/operations";
import { formatDecimal } from "../format/numbers.js";
import { text } from "../texts/en/operations.js";
import { Bar, Panel } from "../ui/panel.js";

const COLUMNS_SHOWN = 4;

/** Days that differ from the preceding ones, with the largest differences. */
export function Drifts({ of }: { readonly of: readonly Drift[] }) {
  return (
    <Panel title={text.models.drift}>
      {of.length === 0 ? (
        <p className="quiet">{text.models.noDrift}</p>
      ) : (
        <>
          <p className="quiet">{text.models.driftDetail}</p>
          <ul className="drifts">
            {of.map((drift) => (
              <li key={`${drift.model} ${drift.day} ${drift.sentence}`} className="two">
                <p>
                  <strong>{drift.day}</strong> {drift.sentence}
                </p>
                <Farthest of={drift.columns} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Farthest({ of }: { readonly of: Drift["columns"] }) {
  const most = Math.max(...of.map(({ distance }) => Math.abs(distance)), 0);
  return (
    <ul className="distances">
      {of.slice(0, COLUMNS_SHOWN).map(({ column, kind, distance, threshold }) => (
        <li key={`${kind} ${column}`}>
          <code>{column}</code>
          <Bar size={most === 0 ? -1 : Math.abs(distance) / most} look="review" />
          <span>
            {formatDecimal(distance)}
            <span className="quiet"> / {formatDecimal(threshold)}</span>
          </span>
        </li>
      ))}
      {of.length > COLUMNS_SHOWN && <li className="quiet">{text.models.driftMore(of.length - COLUMNS_SHOWN)}</li>}
    </ul>
  );
}
