// The bytes that Node's client sends for each of the cases given as JSON: [options, pieces written, last piece or null].
// Rule: prints a JSON list of texts (Latin-1), the port written as PORT; the server answers when a request is whole.
'use strict';
const http = require('http');
const net = require('net');

const play = ([options, pieces, last, trailers], done) => {
  let text = '';
  const server = net.createServer((socket) => {
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('END')) {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        server.close();
      }
    });
    socket.on('close', () => done(text.replaceAll(String(server.address()?.port ?? port), 'PORT')));
  });
  let port;
  server.listen(0, '127.0.0.1', () => {
    port = server.address().port;
    const agent = options.agent === false ? false : new http.Agent({keepAlive: true, ...options.agent});
    const request = http.request({host: '127.0.0.1', port, ...options, agent});
    if (trailers) request.addTrailers(trailers);
    for (const piece of pieces) request.write(piece);
    request.end(last === null ? undefined : last);
  });
};
const cases = JSON.parse(process.argv[2]);
const told = [];
const next = () => (told.length < cases.length ? play(cases[told.length], (text) => { told.push(text); next(); })
  : console.log(JSON.stringify(told)));
next();
