import { problemFrom } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { text } from "../texts/en/webhooks.js";
import { Empty } from "../ui/states.js";
import { Deliveries } from "./deliveries.js";
import { Endpoints } from "./endpoints.js";
import { useEndpoints } from "./use-webhooks.js";

const STATUS_NOT_FOUND = 404;

/** Endpoints of the tenant and their delivery log. Without a master key, the control plane has no such routes. */
export function Webhooks() {
  const { error } = useEndpoints();
  const isOff = error !== null && problemFrom(error).status === STATUS_NOT_FOUND;
  return (
    <Screen title={text.title}>
      {isOff ? (
        <Empty title={text.off}>{text.offDetail}</Empty>
      ) : (
        <>
          <Endpoints />
          <Deliveries />
        </>
      )}
    </Screen>
  );
}
