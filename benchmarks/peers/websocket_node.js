// WebSocket server on the package ws. Rule: as its documentation writes it; what a kind does is the same in every websocket_* peer.
// node websocket_node.js echo|deflate|broadcast    prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const path = require("path");
const modules = path.join(__dirname, "..", "build", "node_modules");
const { WebSocket, WebSocketServer } = require(path.join(modules, "ws"));

// ws masks with bufferutil if it is there. That it is the native one must be sure, or ws would look slower than it is.
if (!/native code/.test(require(path.join(modules, "bufferutil")).unmask)) {
  console.error("bufferutil has no native code for this machine");
  process.exit(1);
}

const kind = process.argv[2] || "echo";
const server = new WebSocketServer(
  { port: 0, host: "127.0.0.1", backlog: 4096, perMessageDeflate: kind === "deflate" },
  () => console.log(`PORT ${server.address().port}`),
);
server.on("connection", (socket) => {
  socket.on("error", console.error);
  socket.on("message", (data, isBinary) => {
    if (kind !== "broadcast") return socket.send(data, { binary: isBinary });
    server.clients.forEach((client) => {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
    });
  });
});
