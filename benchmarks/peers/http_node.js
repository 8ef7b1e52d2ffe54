// HTTP server on Node's http. Rule: as the chapter writes it; what a kind does is the same in every http_* peer.
// node http_node.js plain|chunked|headers|post [KEEP_ALIVE_SECONDS]    prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const http = require("http");

const kinds = {
  plain: (request, response) => {
    response.setHeader("Content-Type", "text/plain");
    response.end("Hello World\n");
  },
  chunked: (request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.end("Hello World\n");
  },
  headers: (request, response) => {
    if (!request.headers["user-agent"]) response.statusCode = 400;
    response.setHeader("Content-Type", "text/plain");
    response.end("Hello World\n");
  },
  post: (request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      response.setHeader("Content-Type", "application/octet-stream");
      response.end(Buffer.concat(pieces));
    });
  },
};
const server = http.createServer(kinds[process.argv[2] || "plain"]);
if (process.argv[3]) server.keepAliveTimeout = 1000 * Number(process.argv[3]);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
