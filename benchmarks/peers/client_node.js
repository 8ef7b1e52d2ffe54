// HTTP client on Node's http over one agent. Rule: what a client prints and waits for is the same in every client_* peer.
// node client_node.js PORT REQUESTS SOCKETS WARM_UP    says WARM, waits for a line, makes the requests, says DONE n.
"use strict";
const http = require("http");

const [port, requests, sockets, warmUp] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: sockets });

function run(total, done) {
  let begun = 0;
  let ended = 0;
  const next = () => {
    begun += 1;
    http.get({ host: "127.0.0.1", port, agent }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => {
        if (response.statusCode !== 200 || Buffer.concat(pieces).toString() !== "Hello World\n") throw new Error("wrong answer");
        ended += 1;
        if (begun < total) next();
        else if (ended === total) done();
      });
    });
  };
  for (let i = 0; i < sockets; i++) next();
}

run(warmUp, () => {
  console.log("WARM");
  process.stdin.once("data", () => {
    run(requests, () => {
      console.log(`DONE ${requests}`);
      agent.destroy();
    });
  });
  process.stdin.once("end", () => process.exit());
});
