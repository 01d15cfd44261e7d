import type { DisputeAmounts, DisputeLine, DisputeScheme, ProgramResult } from "../contract/dispute-ratios.js";
import type { DisputeFigures, ReportedFigures, SettledFigures } from "./dispute-figures.js";
import type { DisputeProgram } from "./dispute-programs.js";
import { programsOf } from "./dispute-programs.js";

const SCHEMES = ["all", "visa", "mastercard"] as const satisfies readonly DisputeScheme[];
const BASIS_POINTS = 10_000;

/** The month before, such as `2025-12` for `2026-01`. */
export function monthBefore(month: string): string {
  const start = new Date(`${month}-01T00:00:00Z`);
  start.setUTCMonth(start.getUTCMonth() - 1);
  return start.toISOString().slice(0, month.length);
}

/**
 * A line for all merchants and one for each merchant, and for each scheme with payments or reports. Programmes apply to
 * merchants. A tenant whose payments have no merchant IDs is one merchant.
 */
export function disputeLines(
  month: string,
  figures: DisputeFigures,
  programs: readonly DisputeProgram[],
): DisputeLine[] {
  const [settled, reported] = [
    Map.groupBy(figures.settled, ({ merchantId }) => merchantId),
    Map.groupBy(figures.reported, ({ merchantId }) => merchantId),
  ];
  // An empty list may only mean that no merchant has the requested ID. The tenant may still have other merchants.
  const isOneMerchant = figures.merchants.length > 0 && figures.merchants.every((merchant) => merchant === "");
  const merchants = isOneMerchant ? [null] : [null, ...figures.merchants];
  return merchants.flatMap((merchantId) =>
    SCHEMES.flatMap((scheme) => {
      const isOfScheme = (one: { readonly scheme: string }) => scheme === "all" || one.scheme === scheme;
      const own: OfLine = {
        month,
        settled: (settled.get(merchantId) ?? []).filter(isOfScheme),
        reported: (reported.get(merchantId) ?? []).filter(isOfScheme),
        complete: figures.complete,
      };
      if (scheme !== "all" && own.settled.length + own.reported.length === 0) return [];
      const applied = merchantId === null && !isOneMerchant ? [] : programsOf(programs, month);
      return [lineOf(merchantId, scheme, own, applied)];
    }),
  );
}

interface OfLine extends Pick<DisputeFigures, "settled" | "reported" | "complete"> {
  readonly month: string;
}

function lineOf(
  merchantId: string | null,
  scheme: DisputeScheme,
  of: OfLine,
  programs: readonly DisputeProgram[],
): DisputeLine {
  const settled = sumOf(of.settled.filter(({ month }) => month === of.month));
  const chargebacks = of.reported.filter(({ kind }) => kind === "chargeback");
  const notices = of.reported.filter(({ kind }) => kind === "tc40" || kind === "safe");
  const isComplete = of.complete.has(of.month);
  return {
    merchantId,
    scheme,
    settled,
    chargebacks: countOf(chargebacks),
    fraudNotices: countOf(notices),
    ratio: isComplete ? ratioOf(countOf(chargebacks), settled) : null,
    amounts: amountsOf(of, chargebacks, isComplete),
    programs: programs.filter((program) => program.scheme === scheme).map((program) => resultOf(program, of)),
  };
}

const sumOf = (figures: readonly SettledFigures[]): number => figures.reduce((sum, { payments }) => sum + payments, 0);
const countOf = (figures: readonly ReportedFigures[]): number => figures.reduce((sum, { reports }) => sum + reports, 0);
const minorOf = (figures: readonly { readonly amountMinor: number }[]): number =>
  figures.reduce((sum, { amountMinor }) => sum + amountMinor, 0);

/** @returns null without settled payments, because a ratio of 0 would be wrong */
const ratioOf = (reports: number, settled: number): number | null => (settled > 0 ? reports / settled : null);

function amountsOf(of: OfLine, chargebacks: readonly ReportedFigures[], isComplete: boolean): DisputeAmounts[] {
  const settled = of.settled.filter(({ month }) => month === of.month);
  const currencies = new Set([...settled, ...chargebacks].map(({ currency }) => currency));
  return [...currencies].toSorted().map((currency) => {
    const isOf = (one: { readonly currency: string }) => one.currency === currency;
    const settledMinor = minorOf(settled.filter(isOf));
    const chargebackMinor = minorOf(chargebacks.filter(isOf));
    return {
      currency,
      settledMinor,
      chargebackMinor,
      ratio: isComplete ? ratioOf(chargebackMinor, settledMinor) : null,
    };
  });
}

function resultOf(program: DisputeProgram, of: OfLine): ProgramResult {
  const month = program.settled_in === "same-month" ? of.month : monthBefore(of.month);
  const isMeant = (one: { readonly isRemote: boolean }) => one.isRemote || !program.remote_only;
  const settled = sumOf(of.settled.filter((one) => one.month === month && isMeant(one)));
  const reported = of.reported.filter(
    (one) =>
      isMeant(one) &&
      program.reports.some((kind) => kind === one.kind) &&
      (program.reason_codes === undefined || program.reason_codes.includes(one.reasonCode)),
  );
  const reports = countOf(reported);
  const ratio = of.complete.has(of.month) && of.complete.has(month) ? ratioOf(reports, settled) : null;
  const ratioMin = program.ratio_bps_min / BASIS_POINTS;
  const isAbove =
    ratio !== null &&
    // Compared as integers, because 150 of 10,000 must reach 1.5 %.
    reports * BASIS_POINTS >= program.ratio_bps_min * settled &&
    reports >= program.reports_min &&
    settled >= program.settled_min &&
    reachesAmount(program, reported);
  return {
    program: program.program,
    level: program.level,
    reports,
    ratio,
    ratioMin,
    reportsMin: program.reports_min,
    state: ratio === null ? "unknown" : isAbove ? "above" : "below",
    from: program.from,
    source: program.source,
  };
}

function reachesAmount({ amount_minor_min: min }: DisputeProgram, reported: readonly ReportedFigures[]): boolean {
  if (min === undefined) return true;
  return Object.entries(min).some(
    ([currency, minor]) => minorOf(reported.filter((one) => one.currency === currency)) >= minor,
  );
}
