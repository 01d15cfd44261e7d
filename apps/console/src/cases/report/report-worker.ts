import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import pdfmake from "pdfmake";
import { caseReport } from "./case-report.js";
import type { ReportOrder } from "./write-report.js";

/* A thread that writes one report. Its font has Latin, Greek and Cyrillic letters; other characters are omitted. */

const { resolve } = createRequire(import.meta.url);
const fileOf = (weight: string): string => resolve(`pdfmake/fonts/Roboto/Roboto-${weight}.ttf`);
const Roboto = { normal: fileOf("Regular"), bold: fileOf("Medium") };

// A document cannot reference other files or URLs.
pdfmake.setUrlAccessPolicy(() => false);
pdfmake.setLocalAccessPolicy((path) => Object.values(Roboto).includes(path));
pdfmake.setFonts({ Roboto });

const { of, reader } = workerData as ReportOrder;
parentPort?.postMessage(await pdfmake.createPdf(caseReport(of, reader)).getBuffer());
