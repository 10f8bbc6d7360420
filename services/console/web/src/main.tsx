/** Starts the page. */

import { render } from "preact";
import { App } from "./app";
import { address } from "./live/router";
import { enter, followOtherTabs, isOut } from "./live/session";
import "./styles/all.css";

const root = document.getElementById("app");
if (root) {
  followOtherTabs();
  const problem = await enter();
  address.value = { path: location.pathname, query: new URLSearchParams(location.search) };
  if (problem) isOut.value = true;
  root.replaceChildren();
  render(<App problem={problem} />, root);
}
