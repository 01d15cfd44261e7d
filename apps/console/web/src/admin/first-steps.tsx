import type { ReactNode } from "react";
import { useState } from "react";
import { useSession } from "../app/session.js";
import { text } from "../texts/en/admin.js";
import { Button } from "../ui/button.js";
import { Panel } from "../ui/panel.js";
import { useClients, useHasPayment, usePeople } from "./use-admin.js";

const KEY = "tripline.first-steps";

/** Setup steps of a new tenant, until all are done or the user hides them. */
export function FirstSteps() {
  const { person, secondFactorUrl } = useSession();
  const [isHidden, setHidden] = useState(() => localStorage.getItem(KEY) === "hidden");
  const people = usePeople().data?.people;
  const clients = useClients().data?.clients;
  const hasPayment = useHasPayment().data;
  if (isHidden || people === undefined || clients === undefined || hasPayment === undefined) return null;
  const senders = clients.filter(
    ({ scopes, disabled_at }) => scopes.includes("transactions:write") && disabled_at === null,
  );
  const steps = {
    factor: people.some(({ person_id, has_second_factor }) => person_id === person.id && has_second_factor),
    colleague: people.filter(({ disabled_at }) => disabled_at === null).length > 1,
    client: senders.length > 0,
    payment: hasPayment,
  };
  if (Object.values(steps).every(Boolean)) return null;
  const links: Readonly<Partial<Record<keyof typeof steps, ReactNode>>> = {
    factor: <a href={secondFactorUrl}>{text.first.setUp}</a>,
  };
  const hide = (): void => {
    localStorage.setItem(KEY, "hidden");
    setHidden(true);
  };
  return (
    <Panel
      title={text.first.title}
      aside={
        <Button look="quiet" onClick={hide}>
          {text.first.hide}
        </Button>
      }
    >
      <ol className="first-steps">
        {(Object.keys(steps) as (keyof typeof steps)[]).map((step) => (
          <li key={step}>
            <span className={steps[step] ? "tag good" : "tag"}>{steps[step] ? text.first.done : text.first.open}</span>
            <div>
              <strong>{text.first.steps[step].name}</strong>
              {!steps[step] && (
                <p className="quiet">
                  {text.first.steps[step].detail} {links[step]}
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
