/** Where the page is: the address bar as a signal, and links that need no reload. */

import { Signal, useSignal } from "./store";

export interface Address {
  path: string;
  query: URLSearchParams;
}

const read = (): Address => ({ path: location.pathname, query: new URLSearchParams(location.search) });

export const address = new Signal<Address>(read());

addEventListener("popstate", () => {
  address.value = read();
});

export const useAddress = (): Address => useSignal(address);

/** Go to an address; `replace` leaves no step in the browser's history. */
export function goTo(url: string, replace = false): void {
  if (url === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  address.value = read();
}

/** Change what the query says, and leave the page as it is. */
export function setQuery(changes: Record<string, string | readonly string[] | null>, replace = true): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    if (typeof value === "string") {
      if (value) query.set(name, value);
    } else for (const one of value ?? []) query.append(name, one);
  }
  const text = query.toString();
  goTo(location.pathname + (text ? `?${text}` : ""), replace);
}

/** Takes clicks on links within the page. */
export function onLinkClick(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.target || link.origin !== location.origin || link.hasAttribute("download") || link.hash) return;
  if (link.pathname.startsWith("/api/")) return;
  event.preventDefault();
  goTo(link.pathname + link.search);
  window.scrollTo(0, 0);
}
