// What Node's package `ws` does in the scenarios of tests/websocket/test_node_ws.py: prints the stories as JSON.
// Rule: not run by the tests, since `ws` comes from npm. stories.json is its output:
//   npm install ws@8 in a directory of its own; NODE_PATH=that/node_modules node scenarios.js > stories.json
'use strict';
const net = require('net');
const crypto = require('crypto');
const {WebSocket, WebSocketServer} = require('ws');

const HEAD = 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
const KEY = Buffer.from([1, 2, 3, 4]);
const frame = (first, payload = '', masked = true) => {
  const data = Buffer.from(payload, 'latin1');
  const head = Buffer.from([first, (masked ? 0x80 : 0) | data.length]);
  if (!masked) return Buffer.concat([head, data]);
  return Buffer.concat([head, KEY, data.map((byte, at) => byte ^ KEY[at % 4])]);
};
// Frames of less than 126 bytes in words; of a close frame the code alone.
const told = (buffer) => {
  const found = [];
  for (let at = 0; at < buffer.length;) {
    const opcode = buffer[at] & 15, masked = buffer[at + 1] >> 7, size = buffer[at + 1] & 127;
    const key = buffer.subarray(at + 2, at + 2 + 4 * masked);
    const start = at + 2 + 4 * masked;
    const data = buffer.subarray(start, start + size).map((byte, i) => byte ^ (masked ? key[i % 4] : 0));
    const text = Buffer.from(data).toString('latin1');
    found.push(opcode === 8 ? `close ${size ? Buffer.from(data).readUInt16BE(0) : 'empty'}` : `${opcode} ${text}`.trim());
    at = start + size;
  }
  return found;
};
const play = (name) => new Promise((resolve) => {
  const story = {client: [], server: [], wire: []};
  let open = 0;
  const begin = () => { open += 1; };
  const finish = () => { open -= 1; setImmediate(() => { if (!open) resolve(story); }); };
  const watch = (ws, who) => {
    begin();
    ws.on('open', () => story[who].push('open'));
    ws.on('message', (data, binary) => story[who].push(`${binary ? 'binary' : 'text'} ${data.toString('latin1')}`.trim()));
    ws.on('ping', (data) => story[who].push(`ping ${data}`.trim()));
    ws.on('pong', (data) => story[who].push(`pong ${data}`.trim()));
    ws.on('error', () => story[who].push('error'));
    ws.on('close', (code, reason) => { story[who].push(`close ${code} ${reason}`.trim()); finish(); });
    return ws;
  };
  const serve = (then, options = {}) => new Promise((ready) => {
    const server = new WebSocketServer({port: 0, host: '127.0.0.1', ...options});
    server.on('connection', (ws) => {
      watch(ws, 'server');
      ws.on('close', () => server.close());
      if (then) then(ws);
    });
    server.on('listening', () => ready(server.address().port));
  });
  const connect = (port, then) => {
    const ws = watch(new WebSocket(`ws://127.0.0.1:${port}/`, {perMessageDeflate: false}), 'client');
    if (then) then(ws);
  };
  // A client of plain TCP: after the handshake it sends this; it ends when the server does, or at once (fin, rst).
  const raw = (port, bytes, {fin = false, rst = false} = {}) => {
    begin();
    const socket = net.connect({port, host: '127.0.0.1', allowHalfOpen: true});
    let came = Buffer.alloc(0), greeted = false;
    socket.write(HEAD);
    socket.on('data', (data) => {
      came = Buffer.concat([came, data]);
      const end = came.indexOf('\r\n\r\n');
      if (!greeted && end >= 0) {
        greeted = true;
        came = came.subarray(end + 4);
        if (bytes.length) socket.write(bytes);
        if (fin) socket.end();
        if (rst) socket.resetAndDestroy();
      }
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
    socket.on('close', () => { story.wire = told(came); finish(); });
  };
  // A server of plain TCP: it answers with this (a function of the key), and then with these frames.
  const rawServer = (answer, bytes = Buffer.alloc(0), {fin = false} = {}) => new Promise((ready) => {
    const server = net.createServer({allowHalfOpen: true}, (socket) => {
      begin();
      let came = Buffer.alloc(0), greeted = false;
      socket.on('data', (data) => {
        came = Buffer.concat([came, data]);
        const end = came.indexOf('\r\n\r\n');
        if (!greeted && end >= 0) {
          greeted = true;
          const key = /Sec-WebSocket-Key: (\S+)/i.exec(came.toString('latin1'))[1];
          came = came.subarray(end + 4);
          socket.write(Buffer.concat([Buffer.from(answer(key)), bytes]));
          if (fin) socket.end();
        }
        if (greeted && told(came).some((each) => each.startsWith('close'))) socket.end();
      });
      socket.on('end', () => socket.end());
      socket.on('error', () => {});
      socket.on('close', () => { story.wire = told(came); server.close(); finish(); });
    });
    server.listen(0, '127.0.0.1', () => ready(server.address().port));
  });
  const accept = (key) => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' +
    crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64') + '\r\n\r\n';
  scenarios[name]({serve, connect, raw, rawServer, accept});
});

const scenarios = {
  echo: async ({serve, connect}) => connect(
    await serve((ws) => ws.on('message', (data, binary) => ws.send(data, {binary}))),
    (ws) => {
      ws.on('open', () => { ws.send('a'); ws.send(Buffer.from('b')); });
      ws.on('message', (data, binary) => { if (binary) ws.close(1000, 'bye'); });
    }),
  server_closes: async ({serve, connect}) => connect(await serve((ws) => ws.close(4321, 'later'))),
  close_without_code: async ({serve, connect}) => connect(await serve(), (ws) => ws.on('open', () => ws.close())),
  both_close: async ({serve, connect}) => connect(
    await serve((ws) => ws.close(4001, 'server')), (ws) => ws.on('open', () => ws.close(4002, 'client'))),
  close_twice: async ({serve, connect}) => connect(
    await serve(), (ws) => ws.on('open', () => { ws.close(4001, 'first'); ws.close(4002, 'second'); })),
  client_terminates: async ({serve, connect}) => connect(await serve(), (ws) => ws.on('open', () => ws.terminate())),
  fragments: async ({serve, connect}) => connect(
    await serve((ws) => ws.on('message', () => ws.close(1000))),
    (ws) => ws.on('open', () => {
      ws.send('a', {fin: false}); ws.ping('p'); ws.send('b', {fin: false}); ws.send('c', {fin: true});
    })),
  messages_after_close: async ({serve, connect}) => connect(
    await serve((ws) => { ws.send('1'); ws.send('2'); ws.send('3'); }),
    (ws) => ws.on('message', () => ws.close(1000))),
  unsolicited_pong: async ({serve, connect}) => connect(
    await serve((ws) => { ws.pong('x'); ws.close(1000); })),
  raw_not_masked: async ({serve, raw}) => raw(await serve(), frame(0x81, 'a', false)),
  raw_message_then_fault: async ({serve, raw}) => raw(await serve(), Buffer.concat([frame(0x81, 'a'), frame(0x83, 'b')])),
  raw_fault_then_message: async ({serve, raw}) => raw(await serve(), Buffer.concat([frame(0x83, 'b'), frame(0x81, 'a')])),
  raw_bad_text: async ({serve, raw}) => raw(await serve(), frame(0x81, '\xff')),
  raw_bad_close_code: async ({serve, raw}) => raw(await serve(), frame(0x88, '\x03\xed')),
  raw_close_then_message: async ({serve, raw}) => raw(
    await serve(), Buffer.concat([frame(0x88, '\x03\xe8bye'), frame(0x81, 'a')])),
  raw_empty_close: async ({serve, raw}) => raw(await serve(), frame(0x88)),
  raw_too_large: async ({serve, raw}) => raw(await serve(null, {maxPayload: 10}), frame(0x82, '12345678901')),
  raw_fin: async ({serve, raw}) => raw(await serve(), frame(0x81, 'a'), {fin: true}),
  raw_fin_in_a_frame: async ({serve, raw}) => raw(await serve(), frame(0x81, 'abc').subarray(0, 7), {fin: true}),
  raw_rst: async ({serve, raw}) => raw(await serve(), Buffer.alloc(0), {rst: true}),
  raw_ping_in_message: async ({serve, raw}) => raw(
    await serve((ws) => ws.on('message', () => ws.close(1000))),
    Buffer.concat([frame(0x01, 'a'), frame(0x89, 'p'), frame(0x80, 'b'), frame(0x88, '\x03\xe8')])),
  raw_ping_after_our_close: async ({serve, raw}) => raw(
    await serve((ws) => ws.on('message', () => ws.close(1000))),
    Buffer.concat([frame(0x81, 'a'), frame(0x89, 'p'), frame(0x88, '\x03\xe8')])),
  server_wrong_accept: async ({connect, rawServer, accept}) => connect(await rawServer(() => accept('x'))),
  server_refuses: async ({connect, rawServer}) => connect(
    await rawServer(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', undefined, {fin: true})),
  server_hangs_up: async ({connect, rawServer}) => connect(await rawServer(() => '', undefined, {fin: true})),
  server_masks: async ({connect, rawServer, accept}) => connect(await rawServer(accept, frame(0x81, 'a'))),
  server_frames_at_once: async ({connect, rawServer, accept}) => connect(
    await rawServer(accept, Buffer.concat([frame(0x81, 'a', false), frame(0x88, '\x03\xe9', false)]))),
  server_ends_without_close: async ({connect, rawServer, accept}) => connect(
    await rawServer(accept, frame(0x81, 'a', false), {fin: true})),
  close_while_connecting: async ({connect, serve}) => connect(await serve(), (ws) => ws.close()),
};

(async () => {
  const stories = {};
  for (const name of Object.keys(scenarios)) {
    stories[name] = await play(name);
  }
  console.log(JSON.stringify({ws: require('ws/package.json').version, node: process.version, stories}, null, 1));
  process.exit(0);
})();
