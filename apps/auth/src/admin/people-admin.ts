import { Inject, Injectable } from "@nestjs/common";
import type { Role } from "@tripline/contracts/roles";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { hashPassword } from "../people/hash-password.js";
import type { PersonRegistration } from "../people/person-registration.js";
import { parsePerson } from "../people/person-store.js";
import { RevocationPublisher } from "../revocations/revocation-publisher.js";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import { notFound } from "./admin-action.js";
import { disablePerson } from "./disable-person.js";
import type { Requested } from "./grants/grants.js";
import { Grants } from "./grants/grants.js";
import { lockAdmins } from "./grants/second-admin.js";
import type { ListedPerson } from "./listed-person.js";
import { findListedPerson, listPeople } from "./listed-person.js";
import { noteAction } from "./note-action.js";

/** A change, and whether all services have been notified of it. If not, they are notified once Kafka is available. */
export type Changed<T> = T & { readonly is_published: boolean };

/** Lets administrators manage the users of their tenant. Removing rights from a user also revokes the user's tokens. */
@Injectable()
export class PeopleAdmin {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Grants) private readonly grants: Grants,
    @Inject(RevocationPublisher) private readonly publisher: RevocationPublisher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  list({ tenant }: Actor): Promise<ListedPerson[]> {
    return listPeople(this.database, tenant);
  }

  /** @throws TriplineError `invalid-field`, or `name-taken`, even if the name belongs to another tenant */
  async add(by: Actor, registration: Omit<PersonRegistration, "tenant">): Promise<Requested> {
    const { user_name, name, roles, password } = parsePerson({ ...registration, tenant: by.tenant });
    const password_hash = await hashPassword(password);
    return this.grants.request(by, { action: "person-add", user_name, name, roles, password_hash });
  }

  /** @throws TriplineError `last-admin` */
  disable(by: Actor, userName: string): Promise<Changed<ListedPerson>> {
    return this.#change(by, userName, "disable", (transaction, person) =>
      disablePerson(transaction, by, person, false),
    );
  }

  enable(by: Actor, userName: string): Promise<Requested> {
    return this.grants.request(by, { action: "person-enable", user_name: userName });
  }

  /** @throws TriplineError `last-admin` */
  setRoles(by: Actor, userName: string, roles: readonly Role[]): Promise<Requested> {
    return this.grants.request(by, { action: "person-roles", user_name: userName, roles: [...roles] });
  }

  /** Ends all sessions of a user and revokes the user's tokens. */
  signOut(by: Actor, userName: string): Promise<Changed<ListedPerson>> {
    return this.#change(by, userName, "sign-out", (transaction, { person_id: id, tenant, disabled_at }) =>
      revoke(transaction, { kind: "person", id, tenant }, disabled_at !== null),
    );
  }

  /** Sets a new password, removes the second factors, and signs the user out everywhere. */
  async reset(by: Actor, userName: string, password: string): Promise<Requested> {
    const password_hash = await hashPassword(password);
    return this.grants.request(by, { action: "person-reset", user_name: userName, password_hash });
  }

  async #change(
    by: Actor,
    userName: string,
    action: string,
    change: (transaction: Queries, person: ListedPerson) => Promise<void>,
  ): Promise<Changed<ListedPerson>> {
    const changed = await this.database.transaction(async (transaction) => {
      await lockAdmins(transaction, by.tenant);
      const before = await findListedPerson(transaction, by.tenant, userName, "FOR UPDATE");
      if (before === undefined) throw notFound("person");
      await change(transaction, before);
      const person = (await findListedPerson(transaction, by.tenant, userName)) ?? before;
      const { person_id: id, roles } = person;
      await noteAction(transaction, by, action, { kind: "person", id, details: { roles } });
      return person;
    });
    this.logger.info({ by: by.subject, tenant: by.tenant, action, person: changed.person_id }, "person changed");
    return { ...changed, is_published: await this.publisher.publish() };
  }
}
