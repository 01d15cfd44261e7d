import type { ReactNode } from "react";
import { useEffect } from "react";
import type { Permission } from "#contract/session";
import { text } from "../texts/en/app.js";
import { Empty } from "../ui/states.js";
import { useMay } from "./session.js";

interface ScreenProps {
  readonly title: string;
  readonly needs: Permission;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}

/** A screen with its title, for those whose roles include it. */
export function Screen({ title, needs, aside, children, className = "" }: ScreenProps) {
  const may = useMay();
  useEffect(() => {
    document.title = `${title} · ${text.product}`;
  }, [title]);
  return (
    <div className={`screen ${className}`}>
      <header className="screen-head">
        <h1>{title}</h1>
        {aside}
      </header>
      {may(needs) ? children : <Empty title={text.session.lacking}>{text.session.lackingDetail}</Empty>}
    </div>
  );
}
