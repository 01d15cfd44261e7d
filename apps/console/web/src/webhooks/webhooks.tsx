import { problemFrom } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { text } from "../texts/en/webhooks.js";
import { Empty } from "../ui/states.js";
import { Deliveries } from "./deliveries.js";
import { Endpoints } from "./endpoints.js";
import { useEndpoints } from "./use-webhooks.js";

const STATUS_NOT_FOUND = 404;

/** The tenant's endpoints and their delivery log. The control plane serves them only if it has a master key. */
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
