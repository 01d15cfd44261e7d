const SHOWN_START = 5;
const SHOWN_END = 4;

/** Masks a token so that two tokens can be distinguished on a screen but not looked up elsewhere. */
export function maskToken(token: string): string {
  if (token.length <= SHOWN_START + SHOWN_END) return token === "" ? "" : "…";
  return `${token.slice(0, SHOWN_START)}…${token.slice(-SHOWN_END)}`;
}

/** Masks a token unless the user may see it. */
export type ShowToken = (token: string) => string;

export function showTokens(isAllowed: boolean): ShowToken {
  return isAllowed ? (token) => token : maskToken;
}

/** Masks a file name to its extension, because file names often contain people's names. */
export function maskFileName(name: string): string {
  return `file${/\.[^.]+$/.exec(name)?.[0] ?? ""}`;
}
