const SHOWN_START = 5;
const SHOWN_END = 4;

/** Masks a token: enough to tell two on a screen apart, too little to look one up elsewhere. */
export function maskToken(token: string): string {
  if (token.length <= SHOWN_START + SHOWN_END) return token === "" ? "" : "…";
  return `${token.slice(0, SHOWN_START)}…${token.slice(-SHOWN_END)}`;
}

/** Shows tokens as the person may see them. */
export type ShowToken = (token: string) => string;

export function showTokens(isAllowed: boolean): ShowToken {
  return isAllowed ? (token) => token : maskToken;
}

/** Masks a file name to its extension, because file names often contain people's names. */
export function maskFileName(name: string): string {
  return `file${/\.[^.]+$/.exec(name)?.[0] ?? ""}`;
}
