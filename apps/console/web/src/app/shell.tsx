import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { problemFrom, request } from "../api/request.js";
import { ZONE } from "../format/times.js";
import { text } from "../texts/en/app.js";
import { Button } from "../ui/button.js";
import { Empty } from "../ui/states.js";
import { UndoBar } from "../undo/undo-bar.js";
import { HelpDialog } from "./help-dialog.js";
import { dropDrafts } from "./keep-draft.js";
import { neededAt, SCREENS } from "./screens.js";
import { SessionEnded, STATUS_UNAUTHENTICATED, useMay, useSession } from "./session.js";
import { useShortcuts } from "./shortcuts.js";
import type { Theme } from "./theme.js";
import { chooseTheme, chosenTheme, THEMES } from "./theme.js";

const SearchDialog = lazy(async () => ({ default: (await import("../search/search-dialog.js")).SearchDialog }));

/** The frame of every screen, with the menu at the side or, on narrow screens, behind a button. */
export function Shell() {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isSearching, setSearching] = useState(false);
  const canSearch = useMay()("cases:read");
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useShortcuts({ "?": () => setHelpOpen(true), "/": () => canSearch && setSearching(true) });
  // Navigation closes the menu.
  useEffect(() => setMenuOpen(false), [path]);
  return (
    <>
      <a className="skip" href="#content">
        {text.skip}
      </a>
      <SessionEnded />
      <div className="shell">
        <header className="side">
          <div className="brand">
            <img src="/icon.svg" alt="" width="22" height="22" />
            {text.product}
          </div>
          {canSearch && (
            <Button className="search-button" shortcut="/" onClick={() => setSearching(true)}>
              {text.search}
            </Button>
          )}
          <Button
            look="quiet"
            className="menu-button"
            aria-expanded={isMenuOpen}
            aria-controls="menu"
            onClick={() => setMenuOpen(!isMenuOpen)}
          >
            {isMenuOpen ? text.closeMenu : text.menu}
          </Button>
          <div id="menu" className={isMenuOpen ? "menu open" : "menu"}>
            <Navigation />
            <Person onHelp={() => setHelpOpen(true)} />
          </div>
        </header>
        <main id="content" tabIndex={-1}>
          <Allowed path={path} />
        </main>
      </div>
      <UndoBar />
      {isSearching && (
        <Suspense>
          <SearchDialog onClose={() => setSearching(false)} />
        </Suspense>
      )}
      {isHelpOpen && <HelpDialog onClose={() => setHelpOpen(false)} />}
    </>
  );
}

/** The screen, if the user's roles allow it. Otherwise no requests are sent. */
function Allowed({ path }: { readonly path: string }) {
  const may = useMay();
  const needed = neededAt(path);
  if (needed === undefined || may(needed)) return <Outlet />;
  return <Empty title={text.session.lacking}>{text.session.lackingDetail}</Empty>;
}

function Navigation() {
  const may = useMay();
  return (
    <nav aria-label={text.navigation}>
      {SCREENS.filter(({ needs }) => may(needs)).map(({ to, title }) => (
        <Link key={to} to={to} activeProps={{ "aria-current": "page" }}>
          {title}
        </Link>
      ))}
    </nav>
  );
}

function Person({ onHelp }: { readonly onHelp: () => void }) {
  const { person, tenant, secondFactorUrl } = useSession();
  const [theme, setTheme] = useState<Theme>(chosenTheme);
  return (
    <div className="person">
      <fieldset className="segmented">
        <legend className="visually-hidden">{text.theme.label}</legend>
        {THEMES.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="theme"
              checked={theme === one}
              onChange={() => {
                chooseTheme(one);
                setTheme(one);
              }}
            />
            <span>{text.theme[one]}</span>
          </label>
        ))}
      </fieldset>
      <Button look="quiet" shortcut="?" onClick={onHelp}>
        {text.help.open}
      </Button>
      <div className="who">
        <strong>{person.name}</strong>
        <span className="quiet">{tenant}</span>
        <span className="quiet">{text.zone(ZONE)}</span>
      </div>
      <a className="button quiet" href={secondFactorUrl}>
        {text.secondFactor}
      </a>
      <SignOut />
    </div>
  );
}

function SignOut() {
  const [fault, setFault] = useState("");
  const signOut = async (): Promise<void> => {
    try {
      const { url } = await request<{ url: string }>("/session/sign-out", { method: "POST" });
      dropDrafts();
      location.assign(url);
    } catch (error) {
      const problem = problemFrom(error);
      if (problem.status !== STATUS_UNAUTHENTICATED) return setFault(problem.title);
      // The session had already ended. The page still contains input, so it is reloaded.
      dropDrafts();
      location.assign("/");
    }
  };
  return (
    <>
      <Button look="quiet" onClick={() => void signOut()}>
        {text.signOut}
      </Button>
      {fault !== "" && <p role="alert">{fault}</p>}
    </>
  );
}
