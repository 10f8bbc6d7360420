/** Who is signed in: by a cookie that no script can read, and, without TLS, a path that it goes to.
 *
 * Ports of one machine share cookies, and somebody else may listen on another one. So without TLS the gateway
 * gives a cookie that is sent only to a path of its own, and that path is kept here: what a page stores, pages
 * of other ports cannot read.
 */

import { Signal, kept } from "./store";

/** Nobody is signed in here: the page says what to type. */
export const isOut = new Signal(false);

/** The path, and when somebody signed in, so that each time is a change. */
const signedIn = kept("flyte-session", "");

const API = "/api/";

/** An address of the gateway, as this browser has to ask for it. */
export function here(url: string): string {
  const [path] = signedIn.value.split("/");
  return path && url.startsWith(API) ? `${API}at/${path}/${url.slice(API.length)}` : url;
}

const LOGIN = "/login";

/** Signs in when the address has a code behind its #, and takes it out of the address and the history first. */
export async function enter(): Promise<string | null> {
  if (location.pathname !== LOGIN) return null;
  const code = location.hash.slice(1);
  history.replaceState(null, "", "/");
  if (!code) return null;
  try {
    const answer = await fetch(`${API}v1/session`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const said = (await answer.json()) as { path?: string; message?: string };
    if (!answer.ok) return said.message ?? `The console answered ${answer.status}.`;
    signedIn.value = `${said.path ?? ""}/${Date.now()}`;
    return null;
  } catch {
    return "The console does not answer.";
  }
}

/** Signs out, here and in all tabs. */
export async function leave(): Promise<void> {
  try {
    await fetch(here(`${API}v1/session`), { method: "DELETE" });
  } finally {
    signedIn.value = "";
    isOut.value = true;
  }
}

/** What another tab does about signing in holds here, too. */
export function followOtherTabs(): void {
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== "flyte-session") return;
    if (newValue) location.reload();
    else isOut.value = true;
  });
}
