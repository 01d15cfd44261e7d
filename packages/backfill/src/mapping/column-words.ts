import { COUNTRIES } from "@tripline/contracts/country";

/**
 * German, French, Spanish and Portuguese words in column names, by the English word. They are written without accents,
 * and German words also with `ae` for `ä`. The words under the empty key are ignored.
 */
const WORDS: Readonly<Record<string, string>> = {
  "": "de la le du des del do da der die das d l electronico",
  account: "konto konten compte cuenta conta",
  address: "adresse direccion endereco",
  amount: "betrag betrags wert umsatz montant importe monto valor montante",
  billing: "rechnung rechnungs facturation facturacion faturamento",
  card: "karte karten kreditkarte kreditkarten carte tarjeta cartao",
  chargeback: "ruckbuchung ruckbuchungs rueckbuchung rueckbuchungs ruckbelastung impaye contracargo",
  country: "land lander laender pays pais",
  currency: "wahrung wahrungs waehrung waehrungs devise monnaie moneda divisa moeda",
  customer: "kunde kunden cliente",
  date: "datum fecha data",
  device: "gerat gerate geraet geraete appareil dispositivo",
  email: "correo courriel",
  flag: "kennzeichen",
  fraud: "betrug betrugs fraude",
  id: "kennung identifiant identificador",
  is: "ist est es",
  issuer: "emittent emittenten emetteur emisor emissor",
  latitude: "breitengrad latitud",
  longitude: "langengrad laengengrad longitud",
  merchant: "handler haendler commercant marchand comercio comerciante lojista estabelecimento",
  on: "am",
  number: "nummer nr numero nro n",
  reference: "referenz beleg referencia",
  reported: "gemeldet melde meldungs signale reportado",
  shipping: "liefer livraison envio entrega",
  shop: "laden geschaft geschaefts boutique magasin tienda loja",
  total: "summe gesamt",
  time: "zeit zeitpunkt uhrzeit heure hora",
  timestamp: "zeitstempel horodatage",
  transaction:
    "transaktion transaktions buchung buchungs zahlung zahlungs transaccion transacao operation operacion operacao paiement pago pagamento",
};

const ENGLISH = new Map(
  Object.entries(WORDS).flatMap(([english, words]) => words.split(" ").map((word) => [word, english] as const)),
);
/** English words that occur in compounds such as `Kundenid`. */
const BOTH = ["id", "ip", "code", "terminal", "token", ...Object.keys(WORDS)];
const LANGUAGES = ["en", "de", "fr", "es", "pt"];

const YES = new Set("yes y true t 1 1.0 ja j oui o si s sim wahr w vrai v verdadero verdadeiro".split(" "));
const NO = new Set("no n false f 0 0.0 nein non nao falsch faux falso".split(" "));
/** Letters that mean yes only if the column's other texts mean no. */
const YES_WITH_NO = new Set("j o s w v".split(" "));

/** A text in lower case without accents. */
const folded = (text: string): string =>
  text.normalize("NFD").replaceAll(/\p{M}/gu, "").replaceAll("ß", "ss").toLowerCase();

/** Forms of a column name for comparison with English names: letters and digits only, in lower case. */
export function plainNames(name: string): string[] {
  const words = name
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .map(folded)
    .filter((word) => word !== "");
  const english = words.map(englishOf);
  const plain = words.join("").replaceAll(/[^a-z0-9]/g, "");
  if (english.every((word, index) => word === words[index])) return [plain];
  // English puts the words in the opposite order: "Date de la fraude" is "fraud date".
  return [english.join(""), english.toReversed().join(""), plain];
}

function englishOf(word: string): string {
  const known = ENGLISH.get(word);
  if (known !== undefined) return known;
  for (let at = 2; at <= word.length - 2; at += 1) {
    const parts = [word.slice(0, at), word.slice(at)];
    const english = parts.map((part) => ENGLISH.get(part) ?? (BOTH.includes(part) ? part : undefined));
    if (english.every((part) => part !== undefined && part !== "")) return english.join("");
  }
  return word;
}

/** Whether a text means yes or no; undefined if it means neither. @param all the texts of its column */
export function yesOrNo(text: string, all: Iterable<string>): boolean | undefined {
  const word = folded(text);
  if (NO.has(word)) return false;
  if (!YES.has(word)) return undefined;
  return !YES_WITH_NO.has(word) || [...all].every((one) => one === text || NO.has(folded(one))) || undefined;
}

/**
 * The ISO 3166-1 alpha-2 code of a country that is given by this code, its numeric code or its name in one of the
 * languages; undefined for other texts.
 */
export function countryCode(text: string): string | undefined {
  const code = text.toUpperCase();
  if (COUNTRIES.has(code)) return code;
  if (/^\d{1,3}$/.test(text)) return numericCode(text);
  countryNames ??= namesOfCountries();
  return countryNames.get(folded(text));
}

/** CLDR replaces a numeric code with its alpha-2 code. */
function numericCode(text: string): string | undefined {
  const region = new Intl.Locale(`und-${text.padStart(3, "0")}`).region ?? "";
  return COUNTRIES.has(region) ? region : undefined;
}

let countryNames: ReadonlyMap<string, string> | undefined;

function namesOfCountries(): ReadonlyMap<string, string> {
  return new Map(
    LANGUAGES.flatMap((language) =>
      (["short", "long"] as const).flatMap((style) => {
        const names = new Intl.DisplayNames([language], { type: "region", style });
        return [...COUNTRIES].map((code) => [folded(names.of(code) ?? code), code] as const);
      }),
    ),
  );
}
