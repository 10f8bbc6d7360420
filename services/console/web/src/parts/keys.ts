/** Keys that work wherever the page is; a field that is typed into keeps its own. */

import { useEffect } from "preact/hooks";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const TYPED_INTO = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";

export function useKeys(keys: Keys): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as Element;
      if (target.matches?.(TYPED_INTO) && event.key !== "Escape") return;
      if (document.querySelector("dialog[open]")) return;
      const action = keys[event.key];
      if (!action) return;
      action(event);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  });
}

/** `/` goes to the search field of the page, as far as it has one. */
export function focusSearch(event: KeyboardEvent): void {
  const field = document.querySelector<HTMLInputElement>("[data-search]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}
