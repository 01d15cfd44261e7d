import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import pdfmake from "pdfmake";
import { caseReport } from "./case-report.js";
import type { ReportOrder } from "./write-report.js";

/* A thread that makes one report. Its letters are Latin, Greek and Cyrillic ones; what the font lacks is left out. */

const { resolve } = createRequire(import.meta.url);
const fileOf = (weight: string): string => resolve(`pdfmake/fonts/Roboto/Roboto-${weight}.ttf`);
const Roboto = { normal: fileOf("Regular"), bold: fileOf("Medium") };

// A document can name no other file, and no address.
pdfmake.setUrlAccessPolicy(() => false);
pdfmake.setLocalAccessPolicy((path) => Object.values(Roboto).includes(path));
pdfmake.setFonts({ Roboto });

const { of, reader } = workerData as ReportOrder;
parentPort?.postMessage(await pdfmake.createPdf(caseReport(of, reader)).getBuffer());
