// TLS servers on Node: an echo, or HTTPS. Rule: as Node's documentation shows it, no settings.
// node tls_node.js echo|https CERT KEY    prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const fs = require("fs");
const [, , kind, cert, key] = process.argv;
const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const server = kind === "https"
  ? require("https").createServer(options, (request, response) => {
    response.setHeader("Content-Type", "text/plain");
    response.end("Hello World\n");
  })
  : require("tls").createServer(options, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
server.listen(0, "127.0.0.1", 4096, () => console.log("PORT", server.address().port));
