import { randomUUID } from "node:crypto";
import type { Role } from "@tripline/contracts/roles";
import { ROLES } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { refuseRegistration } from "../clients/refuse-registration.js";
import { hashPassword } from "./hash-password.js";
import type { PersonRegistration } from "./person-registration.js";
import { personRegistration } from "./person-registration.js";

const role = z.enum(ROLES as readonly [Role, ...Role[]]);

const personRow = z.object({
  person_id: z.string(),
  user_name: z.string(),
  name: z.string(),
  tenant: z.string(),
  roles: z.array(role),
  password_hash: z.string().nullable(),
  has_second_factor: z.boolean(),
  /** Whether the user has an authenticator app. */
  has_app: z.boolean(),
});

export type Person = z.infer<typeof personRow>;

const SELECT = `SELECT person_id, user_name, name, tenant, roles, password_hash, totp_secret IS NOT NULL AS has_app,
  totp_secret IS NOT NULL OR EXISTS (SELECT 1 FROM auth.passkeys WHERE passkeys.person_id = people.person_id) AS has_second_factor
  FROM auth.people`;

/** The enabled user who has this name and a password. @param userName in its canonical form */
export async function personNamed(queries: Queries, userName: string): Promise<Person | undefined> {
  const [row] = await queries.query(
    personRow,
    `${SELECT} WHERE user_name = $1 AND disabled_at IS NULL
     AND provider_issuer IS NULL`,
    [userName],
  );
  return row;
}

/** The user with this ID, unless disabled. */
export async function personWithId(queries: Queries, id: string): Promise<Person | undefined> {
  const [row] = await queries.query(personRow, `${SELECT} WHERE person_id = $1 AND disabled_at IS NULL`, [id]);
  return row;
}

/**
 * Adds a user. Changes nothing if the user name is taken.
 *
 * @returns whether the user was added
 * @throws TriplineError `invalid-field`, which names every invalid field
 */
export async function addPerson(queries: Queries, registration: PersonRegistration): Promise<boolean> {
  const { password, ...person } = parsePerson(registration);
  const { user_name: userName } = person;
  const held = await queries.query(z.unknown(), "SELECT 1 FROM auth.people WHERE user_name = $1", [userName]);
  if (held.length > 0) return false;
  return insertPerson(queries, { ...person, person_id: randomUUID(), password_hash: await hashPassword(password) });
}

/** @throws TriplineError `invalid-field`, which names every invalid field */
export function parsePerson(registration: PersonRegistration): z.output<typeof personRegistration> {
  const parsed = personRegistration.safeParse(registration);
  if (parsed.success) return parsed.data;
  throw refuseRegistration("The person", parsed.error.issues);
}

/** @returns whether the user was added; false if the user name is taken */
export async function insertPerson(
  queries: Queries,
  person: Pick<Person, "person_id" | "user_name" | "name" | "tenant" | "roles" | "password_hash">,
): Promise<boolean> {
  const { person_id, user_name, name, tenant, roles, password_hash } = person;
  const added = await queries.execute(
    `INSERT INTO auth.people (person_id, user_name, name, tenant, roles, password_hash) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (user_name) DO NOTHING`,
    [person_id, user_name, name, tenant, roles, password_hash],
  );
  return added > 0;
}
