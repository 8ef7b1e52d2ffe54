// Echo server on Node's net. Rule: as the chapter writes it; `data` is the variant by hand, and the better one is the peer.
// node echo_node.js pipe|data    prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const net = require("net");

const variants = {
  pipe: (socket) => socket.pipe(socket),
  data: (socket) => {
    socket.on("data", (chunk) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
  },
};
const onConnection = variants[process.argv[2] || "pipe"];
const server = net.createServer(onConnection);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
