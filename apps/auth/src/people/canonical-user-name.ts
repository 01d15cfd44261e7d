/** Names of identity-provider users contain the tenant, so they are the longest. Others have at most 64 characters. */
export const USER_NAME_CHARACTERS_MAX = 132;

/** A user name as it is stored and compared. A tenant before a colon keeps its case, which is significant. */
export function canonicalUserName(typed: string): string {
  const [, tenant = "", name = ""] = /^([^:]*:)?(.*)$/s.exec(typed.trim().normalize("NFKC")) ?? [];
  return tenant + name.toLowerCase();
}
