// A receipt goes on while the action does.

import { announceChange, follow } from "./follow.js";

announceChange(document.getElementById("receipt-state").textContent);
if ("running" in document.querySelector("[data-live]").dataset) follow(1000);
