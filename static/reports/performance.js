// Net liquidation, drawdown and rolling Sharpe ratio over the days.

import { data, money, percent, ratio, show } from "../console/curves.js";

const curves = data("curves");

show("equity", curves.equity, { format: money, stroke: "--calm", fill: "--calm-soft", unit: curves.currency });
show("drawdown", curves.drawdown, { format: percent, stroke: "--bad", fill: "--bad-soft", zero: true });
show("sharpe", curves.sharpe, { format: ratio, stroke: "--calm", fill: "--calm-soft", zero: true });
