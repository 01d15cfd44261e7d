import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { problemFrom } from "./api/request.js";
import { router } from "./app/router.js";
import { SessionGate } from "./app/session.js";
import { applyTheme, chosenTheme } from "./app/theme.js";
import "./styles/page.css";

const RETRIES_MAX = 2;
const FRESH_MS = 5_000;

applyTheme(chosenTheme());

/** Retries only if the backend is unavailable, because a retry of a rejected request would be rejected again. */
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      retry: (failures, error) => {
        const { status } = problemFrom(error);
        return failures < RETRIES_MAX && (status === 0 || status >= 500);
      },
    },
  },
});

const element = document.getElementById("page");
if (element === null) throw new Error("The page has no place for the console.");
createRoot(element).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <SessionGate>
        <RouterProvider router={router} />
      </SessionGate>
    </QueryClientProvider>
  </StrictMode>,
);
