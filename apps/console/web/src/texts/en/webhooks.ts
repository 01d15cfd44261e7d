import { plural } from "./plural.js";

type Words = Readonly<Record<string, string>>;
type Steps = Readonly<Record<string, { readonly name: string; readonly detail: string }>>;

export const text = {
  title: "Webhooks",
  off: "Webhooks are off",
  offDetail: "Webhooks need a master key. Ask an operator to set PERSONAL_MASTER_KEY for the control plane.",
  change: "Change",
  changeOne: (url: string) => `Change ${url}`,
  endpoints: {
    title: "Endpoints",
    url: "URL",
    urlHint: "An https:// URL of your server. It must be reachable from the internet.",
    description: "Description",
    events: "Events",
    state: "State",
    created: "Added",
    none: "No endpoints",
    noneDetail:
      "An endpoint is a URL of your server. Tripline sends events to it, such as declined payments and closed cases.",
    add: "Add endpoint",
    addDetail: "Tripline sends each event as a signed HTTP request. It generates the signing secret and shows it once.",
    added: "The endpoint was added",
    active: "Active",
    paused: {
      user: "Paused by a user",
      gone: "Paused: it returned 410",
      failing: "Paused: it accepted no events for three days",
    } as Words,
    failing: (since: string) => `Failing since ${since}`,
    missed: (count: string) => `${count} events missed`,
    secretOnce: "The signing secret. It is shown only once, so store it now where your server reads it.",
    saved: "Saved. The change is in the audit log.",
    tested: (id: string) => `Test event ${id} is being sent. The delivery log shows its result.`,
    replaying: (count: string) => `Events being resent: ${count}.`,
    overlap: "Hours to keep signing with the old secret",
    from: "From",
    to: "To",
    steps: {
      test: {
        name: "Send test event",
        detail: "Sends an event without data, to check the connection and the signature.",
      },
      edit: { name: "Edit", detail: "Takes effect immediately. Waiting events are sent to the new URL." },
      pause: { name: "Pause", detail: "Sends nothing for now. Events wait for up to three days." },
      resume: { name: "Resume", detail: "Sends the waiting events and all later events." },
      rotate: {
        name: "Rotate secret",
        detail: "Requests are signed with both secrets for this long. If 0, the old one stops working immediately.",
      },
      replay: {
        name: "Replay",
        detail:
          "Resends the events from this period in order and with the same IDs. Skips events that are still waiting.",
      },
      remove: { name: "Remove", detail: "Removes the endpoint and its delivery log. Waiting events are not sent." },
    } as Steps,
  },
  log: {
    title: "Delivery log",
    endpoint: "Endpoint",
    state: "State",
    type: "Event",
    all: "All",
    time: "Time",
    id: "ID",
    result: "Last result",
    next: "Next attempt",
    none: "No deliveries",
    noneDetail: "Events that match the filters appear here. A test event is the quickest check.",
    states: { pending: "Waiting", delivered: "Delivered", failed: "Failed" } as Words,
    attempts: (count: number) => plural(count, "attempt", "attempts"),
    status: (status: number) => `status ${status}`,
    overtaken: "Overtaken",
    overtakenDetail: "It failed six times, so later events of the same case or object no longer wait for it.",
    replay: "Send again",
    replayOne: (id: string) => `Send again: ${id}`,
  },
} as const;
