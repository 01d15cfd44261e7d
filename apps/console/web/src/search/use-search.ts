import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { SearchResult } from "#contract/search";
import { SEARCH_CHARACTERS_MAX, SEARCH_CHARACTERS_MIN } from "#contract/search";
import { request } from "../api/request.js";

const PAUSE_MS = 150;

/** Returns the value after it has not changed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** The results for a text. Until they arrive, the results for the previous text remain. */
export function useSearch(typed: string) {
  const text = useSettled(typed.trim());
  const isSearched = text.length >= SEARCH_CHARACTERS_MIN && text.length <= SEARCH_CHARACTERS_MAX;
  const query = useQuery({
    queryKey: ["search", text],
    queryFn: ({ signal }) => request<SearchResult>("/api/search", { method: "POST", body: { text }, signal }),
    enabled: isSearched,
    placeholderData: keepPreviousData,
    // The text may be a token, so results are not cached.
    gcTime: 0,
  });
  return {
    result: isSearched ? query.data : undefined,
    error: query.error,
    refetch: query.refetch,
    isTooLong: text.length > SEARCH_CHARACTERS_MAX,
    /** Whether the results belong to the text that the user sees. */
    isCurrent: isSearched && text === typed.trim() && query.isSuccess && !query.isPlaceholderData,
  };
}
