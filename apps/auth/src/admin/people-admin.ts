import { TriplineError } from "@tripline/contracts/error-table";
import type { Role } from "@tripline/contracts/roles";
import type { Database, Queries } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { z } from "zod";
import { hashPassword } from "../people/hash-password.js";
import type { PersonRegistration } from "../people/person-registration.js";
import { addPerson } from "../people/person-store.js";
import type { RevocationPublisher } from "../revocations/revocation-publisher.js";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import { notFound } from "./admin-action.js";
import { noteAction } from "./note-action.js";
import { revokeOwnedClients } from "./owned-clients.js";

const listedRow = z.object({
  person_id: z.string(),
  user_name: z.string(),
  name: z.string(),
  tenant: z.string(),
  roles: z.array(z.string()),
  has_second_factor: z.boolean(),
  created_at: z.date(),
  disabled_at: z.date().nullable(),
});

/** A person as administrators see one. */
export type ListedPerson = z.infer<typeof listedRow>;

/** A change, and whether every service has been told by now; otherwise it is told when Kafka answers. */
export type Changed<T> = T & { readonly is_published: boolean };

const COLUMNS = `person_id, user_name, name, tenant, roles, created_at, disabled_at, totp_secret IS NOT NULL
  OR EXISTS (SELECT 1 FROM auth.passkeys WHERE passkeys.person_id = people.person_id) AS has_second_factor`;
const PEOPLE_MAX = 10_000;

/** What administrators do with the people of their tenant. A person who loses rights loses the tokens as well. */
export class PeopleAdmin {
  constructor(
    private readonly database: Database,
    private readonly publisher: RevocationPublisher,
    private readonly logger: Logger,
  ) {}

  list({ tenant }: Actor): Promise<ListedPerson[]> {
    return this.database.query(
      listedRow,
      `SELECT ${COLUMNS} FROM auth.people WHERE tenant = $1 ORDER BY user_name LIMIT ${PEOPLE_MAX}`,
      [tenant],
    );
  }

  /** @throws TriplineError `invalid-field`, or `name-taken`, also where another tenant has the name */
  async add(by: Actor, registration: Omit<PersonRegistration, "tenant">): Promise<ListedPerson> {
    const added = await this.database.transaction(async (transaction) => {
      if (!(await addPerson(transaction, { ...registration, tenant: by.tenant }))) {
        throw new TriplineError("name-taken", `Somebody has the user name ${registration.user_name}.`);
      }
      const person = await this.#find(transaction, by, registration.user_name.trim().toLowerCase());
      await noteAction(transaction, by, "add", noted(person));
      return person;
    });
    this.#log(by, "add", added.person_id);
    return added;
  }

  /** @throws TriplineError `last-admin` */
  disable(by: Actor, userName: string): Promise<Changed<ListedPerson>> {
    return this.#change(by, userName, "disable", async (transaction, person) => {
      await this.#keepAnAdmin(transaction, person);
      await transaction.execute(
        "UPDATE auth.people SET disabled_at = coalesce(disabled_at, now()) WHERE person_id = $1",
        [person.person_id],
      );
      await revoke(transaction, { kind: "person", id: person.person_id, tenant: person.tenant }, true);
      await revokeOwnedClients(transaction, person.person_id);
    });
  }

  enable(by: Actor, userName: string): Promise<Changed<ListedPerson>> {
    return this.#change(by, userName, "enable", async (transaction, { person_id: id, tenant }) => {
      await transaction.execute("UPDATE auth.people SET disabled_at = NULL WHERE person_id = $1", [id]);
      await revoke(transaction, { kind: "person", id, tenant }, false);
    });
  }

  /** @throws TriplineError `last-admin` */
  setRoles(by: Actor, userName: string, roles: readonly Role[]): Promise<Changed<ListedPerson>> {
    return this.#change(by, userName, "roles", async (transaction, person) => {
      if (!roles.includes("admin")) await this.#keepAnAdmin(transaction, person);
      await transaction.execute("UPDATE auth.people SET roles = $2 WHERE person_id = $1", [person.person_id, roles]);
      const isLess = person.roles.some((role) => !roles.includes(role as Role));
      // The next token, minutes later, has what was added; what was taken away has to end now. The sign-in stays.
      if (isLess) await revokeTokens(transaction, person);
    });
  }

  /** Ends all sessions of a person, and every token. */
  signOut(by: Actor, userName: string): Promise<Changed<ListedPerson>> {
    return this.#change(by, userName, "sign-out", (transaction, { person_id: id, tenant, disabled_at }) =>
      revoke(transaction, { kind: "person", id, tenant }, disabled_at !== null),
    );
  }

  /** Another password, no second factor, and signed out everywhere. */
  async reset(by: Actor, userName: string, password: string): Promise<Changed<ListedPerson>> {
    const hash = await hashPassword(password);
    return this.#change(by, userName, "reset", async (transaction, { person_id: id, tenant, disabled_at }) => {
      await transaction.execute(
        `UPDATE auth.people SET password_hash = $2, totp_secret = NULL, recovery_codes = '{}' WHERE person_id = $1`,
        [id, hash],
      );
      await transaction.execute("DELETE FROM auth.passkeys WHERE person_id = $1", [id]);
      await revoke(transaction, { kind: "person", id, tenant }, disabled_at !== null);
    });
  }

  async #change(
    by: Actor,
    userName: string,
    action: string,
    change: (transaction: Queries, person: ListedPerson) => Promise<void>,
  ): Promise<Changed<ListedPerson>> {
    const changed = await this.database.transaction(async (transaction) => {
      await change(transaction, await this.#find(transaction, by, userName, "FOR UPDATE"));
      const person = await this.#find(transaction, by, userName);
      await noteAction(transaction, by, action, noted(person));
      return person;
    });
    this.#log(by, action, changed.person_id);
    return { ...changed, is_published: await this.publisher.publish() };
  }

  async #find(queries: Queries, { tenant }: Actor, userName: string, lock = ""): Promise<ListedPerson> {
    const [row] = await queries.query(
      listedRow,
      `SELECT ${COLUMNS} FROM auth.people WHERE tenant = $1 AND user_name = $2 ${lock}`,
      [tenant, userName],
    );
    if (row === undefined) throw notFound("person");
    return row;
  }

  /** A tenant whose last administrator is gone could not let anybody in again. */
  async #keepAnAdmin(transaction: Queries, { person_id: id, tenant }: ListedPerson): Promise<void> {
    const admins = await transaction.query(
      z.object({ person_id: z.string() }),
      `SELECT person_id FROM auth.people WHERE tenant = $1 AND 'admin' = ANY (roles) AND disabled_at IS NULL FOR UPDATE`,
      [tenant],
    );
    const isLast = admins.length === 1 && admins[0]?.person_id === id;
    if (isLast) throw new TriplineError("last-admin", "Give somebody else the role admin first.");
  }

  #log(by: Actor, action: string, person: string): void {
    this.logger.info({ by: by.subject, tenant: by.tenant, action, person }, "person changed");
  }
}

/** Of a person who stays signed in: the next token has the rights of now. */
async function revokeTokens(transaction: Queries, { person_id: id, tenant, disabled_at }: ListedPerson): Promise<void> {
  await revoke(transaction, { kind: "person", id, tenant }, disabled_at !== null, { keepsSignIns: true });
}

const noted = ({ person_id: id, roles }: ListedPerson) => ({ kind: "person" as const, id, details: { roles } });
