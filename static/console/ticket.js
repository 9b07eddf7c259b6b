// The ticket: a live quote, only the prices that the type of order has, and one order for a double click.

import { followQuotes } from "./quote.js";

const NEEDS = {
  limit_price: ["LMT", "STP LMT", "LOC", "MIDPRICE"],
  stop_price: ["STP", "STP LMT"],
  trailing_amount: ["TRAIL"],
};

const type = document.querySelector('.ticket select[name="order_type"]');

function showPrices() {
  for (const [name, types] of Object.entries(NEEDS)) {
    const field = document.querySelector(`.ticket [data-field="${name}"]`);
    const input = field.querySelector("input");
    const isMeant = types.includes(type.value);
    field.hidden = !isMeant;
    input.disabled = !isMeant;
  }
}

if (type) {
  type.addEventListener("change", showPrices);
  showPrices();
}
followQuotes();
