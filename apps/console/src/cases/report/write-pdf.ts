import { createRequire } from "node:module";
import type { TDocumentDefinitions } from "pdfmake/interfaces.js";

type Library = typeof import("pdfmake");

let library: Promise<Library> | undefined;

/** The bytes of a document. The library and its fonts are loaded by the first one. */
export async function writePdf(document: TDocumentDefinitions): Promise<Buffer> {
  library ??= load();
  return (await library).createPdf(document).getBuffer();
}

/** Latin, Greek and Cyrillic letters; what the font lacks is left out. A document can name no other file, and no address. */
async function load(): Promise<Library> {
  const { resolve } = createRequire(import.meta.url);
  const fileOf = (weight: string): string => resolve(`pdfmake/fonts/Roboto/Roboto-${weight}.ttf`);
  const Roboto = { normal: fileOf("Regular"), bold: fileOf("Medium") };
  const { default: pdfmake } = await import("pdfmake");
  pdfmake.setUrlAccessPolicy(() => false);
  pdfmake.setLocalAccessPolicy((path) => Object.values(Roboto).includes(path));
  pdfmake.setFonts({ Roboto });
  return pdfmake;
}
