const SHOWN_START = 5;
const SHOWN_END = 4;

/**
 * A token of a card, device or address for somebody who may not see it whole: enough to tell two on one screen apart, too
 * little to look one up elsewhere.
 */
export function maskToken(token: string): string {
  if (token.length <= SHOWN_START + SHOWN_END) return token === "" ? "" : "…";
  return `${token.slice(0, SHOWN_START)}…${token.slice(-SHOWN_END)}`;
}

/** Shows tokens as the person may see them. */
export type ShowToken = (token: string) => string;

export function showTokens(isAllowed: boolean): ShowToken {
  return isAllowed ? (token) => token : maskToken;
}

/** The name of a file, in which people put names: how it ends. */
export function maskFileName(name: string): string {
  return `file${/\.[^.]+$/.exec(name)?.[0] ?? ""}`;
}
