import { UserName } from "../app/user-name.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/models.js";

/** Who did something, and when. */
export function Signature({ by, at }: { readonly by: string; readonly at: string }) {
  return (
    <>
      <UserName id={by} />
      {text.contract.byAt(formatMoment(Date.parse(at)))}
    </>
  );
}
