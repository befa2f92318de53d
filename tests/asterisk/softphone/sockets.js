// Keeps the page's sockets, so that a test can cut one as a bad network does.
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    window.sockets.push(this);
  }
};
