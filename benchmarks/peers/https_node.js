// Server of https on Node. Rule: as the chapter writes it; the answer is the same in every https_* peer.
// node https_node.js KEY CERTIFICATE    prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const fs = require("fs");
const https = require("https");

const [key, cert] = process.argv.slice(2);
const server = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (request, response) => {
  response.setHeader("Content-Type", "text/plain");
  response.end("Hello World\n");
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
