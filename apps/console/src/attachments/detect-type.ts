import { ATTACHMENT_TYPES } from "../contract/attachments.js";

/** Detects a file's type from its content, and chooses the name under which it is served. */
export interface DetectedFile {
  readonly mediaType: string;
  readonly name: string;
}

const NAME_CHARACTERS_MAX = 120;
/** Other text types, such as pages and scripts, might be executed when opened. */
const TEXT_ENDINGS: readonly string[] = ATTACHMENT_TYPES["text/plain"];

/**
 * Detects the type from the first bytes, regardless of the name. The resulting name has an extension of that type, so
 * that an image is not opened as a program.
 *
 * @returns undefined for a type that is not accepted
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

/** Removes folders and invisible characters, because a change of the text direction could hide the extension. */
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
