import type { Fault } from "../store-driver.js";

/** Messages of Node, undici and the libraries for connections that could not be established or broke. */
const BROKEN =
  /ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|socket hang up|Premature close|TimeoutError|AbortError|terminated|REQUEST_SEND_ERROR|network/i;

const CREDENTIALS = [401];
const DENIED = [403, 405];
const BUSY = [408, 409, 425, 429, 500, 502, 503, 504];

/** Classifies an HTTP failure by its status, if there was a response. */
export function networkFault(thrown: unknown, status: number | undefined): Fault {
  const error = Object(thrown);
  const message = String(Reflect.get(error, "message") ?? thrown);
  const [line = ""] = message.split("\n");
  const name = String(Reflect.get(error, "name") ?? "");
  const code = String(Reflect.get(error, "code") ?? "");
  const reason = [code || name, line].filter((part) => part !== "" && part !== "Error").join(": ");
  if (status !== undefined) {
    if (CREDENTIALS.includes(status)) return { kind: "credentials", reason };
    if (DENIED.includes(status)) return { kind: "denied", reason };
    return { kind: BUSY.includes(status) ? "busy" : "other", reason };
  }
  const cause = Reflect.get(error, "cause");
  const said = `${code} ${name} ${message} ${String(Reflect.get(Object(cause), "code") ?? cause ?? "")}`;
  return { kind: BROKEN.test(said) ? "busy" : "other", reason };
}
