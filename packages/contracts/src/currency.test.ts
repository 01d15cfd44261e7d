import { currencyDecimals, isCurrency, wasCurrency } from "./currency.js";

/** Amendments of ISO 4217: each new currency, and the one that it replaced. */
test.each([
  ["EUR", "BGN"],
  ["EUR", "HRK"],
  ["XCG", "ANG"],
  ["ZWG", "ZWL"],
  ["SLE", "SLL"],
  ["CUP", "CUC"],
])("%s has replaced %s, which only older payments have", (current, withdrawn) => {
  expect([isCurrency(current), wasCurrency(current)]).toEqual([true, true]);
  expect([isCurrency(withdrawn), wasCurrency(withdrawn)]).toEqual([false, true]);
});

test.each(["VED", "VES", "XOF", "XCD", "SSP", "BYN", "STN", "MRU", "XCG"])("%s is a currency", (code) => {
  expect(isCurrency(code)).toBe(true);
});

test("regression #24: rejects funds codes and units of account; older payments stay readable", () => {
  for (const code of "BOV CHE CHW CLF COU MXV USN UYI UYW XAD".split(" ")) {
    expect([code, isCurrency(code), wasCurrency(code)]).toEqual([code, false, true]);
  }
});

test.each([
  ["metals", "XAG XAU XPD XPT"],
  ["bond market units", "XBA XBB XBC XBD"],
  ["units of account without a minor unit", "XDR XSU XUA"],
  ["codes that are not currencies", "XTS XXX"],
  ["withdrawn long ago", "DEM FRF ITL VEF VEB BYR LTL MRO STD ZWD TRL"],
  ["no codes", "eur EU EURO 978 constructor"],
])("rejects %s: %s", (_name, codes) => {
  for (const code of codes.split(" "))
    expect([code, isCurrency(code), wasCurrency(code)]).toEqual([code, false, false]);
});

test.each([
  [0, "JPY KRW ISK CLP VND UGX XOF XAF XPF PYG UYI"],
  [2, "EUR USD HUF COP IDR PKR IRR LBP ALL AFN RSD MMK MGA UZS BGN"],
  [3, "KWD BHD OMR TND JOD IQD LYD"],
  [4, "CLF UYW"],
])("%d decimal places: %s", (decimals, codes) => {
  for (const code of codes.split(" ")) expect([code, currencyDecimals(code)]).toEqual([code, decimals]);
});

/** The engine lags behind ISO, but if it knows a code, our list must contain it. This detects typos. */
test("knows 155 codes, and the engine knows all except the newest ones", () => {
  const letters = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  const codes = letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c))).filter(isCurrency);
  expect(codes).toHaveLength(155);
  const known = new Set(Intl.supportedValuesOf("currency"));
  const unknown = codes.filter((code) => !known.has(code));
  expect(unknown.filter((code) => code !== "VED")).toEqual([]);
  const namedOtherwise = [...known].filter((code) => !wasCurrency(code));
  expect(namedOtherwise.filter((code) => !/^X(AG|AU|PD|PT|B[A-D]|DR|SU|UA|TS|XX)$/.test(code))).toEqual([]);
});
