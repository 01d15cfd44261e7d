import { Screen } from "../app/screen.js";
import { useSession } from "../app/session.js";
import { text } from "../texts/en/admin.js";
import { Panel } from "../ui/panel.js";
import { Skeleton } from "../ui/states.js";
import { Clients } from "./clients.js";
import { FirstSteps } from "./first-steps.js";
import { Grants } from "./grants.js";
import { People } from "./people.js";
import { useClients, useGrants, useHasPayment, usePeople } from "./use-admin.js";

const SKELETON_LINES = 14;

/** Users and clients. Auth enforces what an administrator may do. */
export function Admin() {
  const { tenant } = useSession();
  const queries = [usePeople(), useClients(), useGrants(), useHasPayment()];
  // All panels appear together, so that a late panel does not push down a visible one.
  if (queries.some(({ isFetched }) => !isFetched)) {
    return (
      <Screen title={text.title}>
        <Skeleton lines={SKELETON_LINES} />
      </Screen>
    );
  }
  return (
    <Screen title={text.title}>
      <FirstSteps />
      <Grants />
      <People />
      <Clients />
      <Panel title={text.tenant.title}>
        <p>
          {text.tenant.yours} <strong>{tenant}</strong>
        </p>
        <p className="quiet">{text.tenant.others}</p>
      </Panel>
    </Screen>
  );
}
