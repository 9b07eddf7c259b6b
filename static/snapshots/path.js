// How one option trade went, day by day.

import { data, percent, ratio, show } from "../console/curves.js";

const curves = data("curves");
const calm = { stroke: "--calm", fill: "--calm-soft" };

show("pnl", curves.pnl, { ...calm, format: percent, zero: true });
show("distance", curves.distance, { ...calm, format: percent, zero: true });
show("delta", curves.delta, { ...calm, format: ratio, zero: true });
show("iv", curves.iv, { ...calm, format: percent });
