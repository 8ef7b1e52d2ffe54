// Echo server on Node's tls. Rule: as the chapter writes it; `data` is the variant by hand, and the better one is the peer.
// node tls_node.js KEY CERTIFICATE pipe|data    prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const fs = require("fs");
const tls = require("tls");

const variants = {
  pipe: (socket) => socket.pipe(socket),
  data: (socket) => {
    socket.on("data", (chunk) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
  },
};
const [key, cert, variant] = process.argv.slice(2);
const options = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
const server = tls.createServer(options, variants[variant]);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
