import type { AdminClient, AdminGrant, AdminPerson, AdminProvider } from "../api/auth.js";
import type { Answer, Asked } from "./fixture-request.js";
import { Refusal } from "./fixture-request.js";

const DAY_MS = 86_400_000;
const MADE = "made-up-Kq3vT9xLw2";

export interface AdminState {
  people: AdminPerson[];
  clients: AdminClient[];
  grants: AdminGrant[];
  provider?: AdminProvider;
}

export function makeAdmin(nowMs: number): AdminState {
  const at = (days: number): string => new Date(nowMs - days * DAY_MS).toISOString();
  const person = (id: string, name: string, roles: readonly string[], days: number): AdminPerson => ({
    person_id: id,
    user_name: id.replace("person-", ""),
    name,
    tenant: "demo",
    roles,
    has_second_factor: days > 20,
    created_at: at(days),
    disabled_at: id === "person-tom" ? at(2) : null,
  });
  return {
    people: [
      person("person-ada", "Ada Osei", ["lead"], 60),
      person("demo", "Demo Person", ["lead", "admin"], 12),
      person("person-lin", "Lin Zhao", ["analyst"], 40),
      person("person-tom", "Tom Ito", ["viewer"], 15),
    ],
    clients: [
      {
        client_id: "till",
        tenant: "demo",
        redirect_uris: [],
        auth_method: "client_secret_basic",
        scopes: ["transactions:write", "labels:write"],
        owner: null,
        created_at: at(50),
        disabled_at: null,
      },
      {
        client_id: "reports",
        tenant: "demo",
        redirect_uris: [],
        auth_method: "private_key_jwt",
        scopes: ["decisions:read"],
        owner: { person_id: "person-ada", user_name: "ada", is_disabled: false },
        created_at: at(9),
        disabled_at: null,
      },
    ],
    grants: [],
  };
}

function answerGrants(state: AdminState, id: string, step: string): Answer {
  if (step === "") return { grants: state.grants };
  const grant = state.grants.find(({ grant_id }) => grant_id === id);
  state.grants = state.grants.filter((one) => one !== grant);
  if (step === "approve") {
    const { user_name: userName, roles = [] } = grant?.change ?? {};
    state.people = state.people.map((one) => (one.user_name === userName ? { ...one, roles } : one));
  }
  return { ...grant, is_published: true };
}

/** Users and clients, with responses like those of apps/auth. */
export function answerAdmin(state: AdminState, { method, path, body }: Asked, nowMs: number): Answer {
  const [area = "", id = "", step = ""] = path.replace("/api/auth/v1/", "").split("/").map(decodeURIComponent);
  const now = new Date(nowMs).toISOString();
  if (area === "grants") return answerGrants(state, id, step);
  if (area === "identity-provider") {
    if (state.provider !== undefined) return state.provider;
    throw new Refusal(404, "provider-not-found", "This tenant has no identity provider.", "Not found");
  }
  if (method === "GET") return area === "people" ? { people: state.people } : { clients: state.clients };
  const locked = { disable: { disabled_at: now }, enable: { disabled_at: null } }[step] ?? {};
  if (area === "clients") {
    if (id === "") {
      const added = {
        ...(body as AdminClient),
        auth_method: "client_secret_basic",
        owner: { person_id: "demo", user_name: "demo", is_disabled: false },
        created_at: now,
        disabled_at: null,
      };
      state.clients = [...state.clients, added];
      return { ...added, client_secret: MADE };
    }
    const { owner } = (body ?? {}) as { readonly owner?: string };
    const owned =
      owner === undefined ? {} : { owner: { person_id: `person-${owner}`, user_name: owner, is_disabled: false } };
    state.clients = state.clients.map((one) => (one.client_id === id ? { ...one, ...locked, ...owned } : one));
    return { is_published: true, ...(step === "rotate-secret" ? { client_secret: MADE } : {}) };
  }
  if (id === "") {
    const sent = body as Pick<AdminPerson, "user_name" | "name" | "roles">;
    if (state.people.some(({ user_name }) => user_name === sent.user_name)) {
      throw new Refusal(409, "name-taken", `The user name ${sent.user_name} is already in use.`, "The name is taken");
    }
    const account = { tenant: "demo", has_second_factor: false, created_at: now, disabled_at: null };
    const added = { ...sent, ...account, person_id: sent.user_name };
    state.people = [...state.people, added];
    return { ...added, password: MADE };
  }
  const change = step === "roles" ? { roles: (body as AdminPerson).roles } : locked;
  state.people = state.people.map((one) => (one.user_name === id ? { ...one, ...change } : one));
  return { is_published: step !== "sign-out", ...(step === "reset" ? { password: MADE } : {}) };
}
