/** What auth answers administrators, as far as the page shows it. Its times are ISO 8601. */

export interface AdminPerson {
  readonly person_id: string;
  readonly user_name: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly has_second_factor: boolean;
  readonly created_at: string;
  readonly disabled_at: string | null;
}

export interface AdminClient {
  readonly client_id: string;
  readonly auth_method: string;
  readonly scopes: readonly string[];
  /** The user who answers for it. */
  readonly owner: { readonly user_name: string; readonly is_disabled: boolean } | null;
  readonly created_at: string;
  readonly disabled_at: string | null;
}

/** A change that waits for another administrator. */
export interface AdminGrant {
  readonly grant_id: string;
  readonly change: {
    readonly action: string;
    readonly user_name?: string;
    readonly client_id?: string;
    readonly roles?: readonly string[];
    readonly scopes?: readonly string[];
  };
  /** The id of the user who asked. */
  readonly principal: string;
  readonly requested_at: string;
  readonly expires_at: string;
}

/** Response to a change: the secret that is shown once, and whether all services have received the change. */
export interface Changed {
  /** Of the person. */
  readonly name?: string;
  readonly password?: string;
  readonly client_secret?: string;
  readonly is_published?: boolean;
  /** The change waits for another administrator. */
  readonly grant?: AdminGrant;
}

export const AUTH = "/api/auth/v1";
