/** Starts the page. */

import { render } from "preact";
import { App } from "./app";
import "./styles/all.css";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
