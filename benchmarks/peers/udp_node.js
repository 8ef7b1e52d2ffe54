// UDP echo server on Node's dgram. Rule: as the chapter writes it; prints "PORT n" when it listens on 127.0.0.1.
"use strict";
const server = require("dgram").createSocket("udp4");
server.on("message", (data, sender) => server.send(data, sender.port, sender.address));
server.bind(0, "127.0.0.1", () => console.log(`PORT ${server.address().port}`));
