import { ATTACHMENT_TYPES } from "../contract/attachments.js";

/** Detects a file's type from its content, and the name it is served under. */
export interface DetectedFile {
  readonly mediaType: string;
  readonly name: string;
}

const NAME_CHARACTERS_MAX = 120;
/** Other texts, such as pages and scripts, would be opened by programs that run them. */
const TEXT_ENDINGS: readonly string[] = ATTACHMENT_TYPES["text/plain"];

/**
 * By its first bytes, whatever its name says. The name ends as files of that type do, so that nobody opens a picture as a
 * program.
 *
 * @returns undefined for a type that is not taken
 */
export async function detectFile(content: Uint8Array, name: string): Promise<DetectedFile | undefined> {
  const { fileTypeFromBuffer } = await import("file-type");
  const found = await fileTypeFromBuffer(content);
  const mediaType = found?.mime ?? (isText(content) ? "text/plain" : "");
  const endings = mediaType === "text/plain" ? TEXT_ENDINGS : endingsOf(mediaType);
  if (endings === undefined) return undefined;
  const plain = plainName(name);
  const ending = /\.([A-Za-z0-9]+)$/.exec(plain)?.[1]?.toLowerCase() ?? "";
  return { mediaType, name: endings.includes(ending) ? plain : `${plain}.${endings[0]}` };
}

function endingsOf(mediaType: string): readonly string[] | undefined {
  return Object.entries(ATTACHMENT_TYPES).find(([name]) => name === mediaType)?.[1];
}

/** Without folders, and without characters that nobody sees: those that turn the direction would hide how a name ends. */
function plainName(name: string): string {
  const plain = (name.split(/[\\/]/).at(-1) ?? "").replaceAll(/\p{C}/gu, "").trim();
  return [...plain].slice(-NAME_CHARACTERS_MAX).join("") || "file";
}

function isText(content: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a text does not have
    return !/[\u0000-\u0008\u000b\u000e-\u001f\u007f]/.test(text);
  } catch {
    return false;
  }
}
