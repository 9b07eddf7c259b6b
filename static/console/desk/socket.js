// One WebSocket that comes back by itself and misses no event: it names the last one it has.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10000;
// The server speaks at least every 5 s.
const SILENCE = 15000;

const FINAL = {
  4401: "You are signed out.",
  4403: "Your role does not allow watching the desk.",
  4430: "You have too many pages open: close some of them, then load this one again.",
};

export function connect({ lastId, onMessage, onState }) {
  let pause = FIRST_PAUSE;
  let silence;

  function open() {
    const known = lastId();
    const address = new URL("/ws/desk/", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (known !== null) address.searchParams.set("after_id", known);
    const socket = new WebSocket(address);
    socket.onmessage = (message) => {
      listenFor(socket);
      pause = FIRST_PAUSE;
      onState("open");
      onMessage(JSON.parse(message.data));
    };
    socket.onclose = (event) => {
      clearTimeout(silence);
      if (FINAL[event.code]) onState("ended", FINAL[event.code]);
      else retry();
    };
    listenFor(socket);
  }

  function listenFor(socket) {
    clearTimeout(silence);
    silence = setTimeout(() => socket.close(), SILENCE);
  }

  function retry() {
    const wait = pause * (0.75 + Math.random() / 2);
    pause = Math.min(pause * 1.7, LONGEST_PAUSE);
    onState("down", wait);
    setTimeout(open, wait);
  }

  open();
}
