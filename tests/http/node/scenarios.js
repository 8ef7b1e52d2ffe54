// One scenario of tests/http/test_node.py in Node: prints what the server's side emitted, in order, and what the client got.
// Rule: says and does exactly what the Python scenario of the same name does; no timers but the server's own.
'use strict';
const http = require('http');
const net = require('net');

const story = {server: [], wire: []};
const note = (event) => {
  const list = story.server;
  if (!event.endsWith(' data') || list[list.length - 1] !== event) list.push(event);  // TCP may cut the stream anywhere
};
const attempt = (action) => {
  try { action(); } catch (error) { note('raised ' + error.code); }
};
let count = 0;
const watch = (req, res, {read = true} = {}) => {
  const number = ++count;
  note(`request ${number} ${req.method} ${req.url} ${req.httpVersion}`);
  for (const event of ['end', 'aborted', 'close']) req.on(event, () => note(`req ${number} ${event}`));
  req.on('error', (error) => note(`req ${number} error ${error.code}`));
  if (read) req.on('data', () => note(`req ${number} data`));
  for (const event of ['drain', 'finish', 'close']) res.on(event, () => note(`res ${number} ${event}`));
  res.on('error', (error) => note(`res ${number} error ${error.code}`));
};
// A server, and one client of plain TCP that sends these bytes. Each of `then` is [what came, what to send after that];
// the client ends when `until` has come; else it waits for the server to end.
const one = (serve, bytes, {options = {}, then = [], until = null, on = {}, half = false} = {}) => {
  const server = http.createServer(options);
  if (serve) server.on('request', serve);
  for (const event of Object.keys(on)) server.on(event, on[event]);
  server.on('connection', (socket) => {
    note('connection');
    socket.on('close', () => note('socket close'));
  });
  server.listen(0, '127.0.0.1', () => {
    const client = net.connect({port: server.address().port, host: '127.0.0.1', allowHalfOpen: true});
    let came = '';
    client.on('data', (data) => {
      came += data.toString('latin1');
      while (then.length && came.includes(then[0][0])) client.write(then.shift()[1], 'latin1');
      if (until !== null && came.includes(until)) { until = null; client.end(); }
    });
    client.on('error', () => {});
    client.on('end', () => client.end());
    client.on('close', () => {
      story.wire = came.replace(/Date: [^\r]*/g, 'Date: now').split('\r\n');
      server.close();
    });
    if (half) client.end(bytes, 'latin1'); else client.write(bytes, 'latin1');
  });
};
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const LAST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const post = (body, more = '') => `POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (body, more = '') => `POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}Transfer-Encoding: chunked\r\n\r\n${body}`;
// A handler that is watched.
const served = (serve, options) => (req, res) => { watch(req, res, options); serve(req, res); };
const whole = (req, use) => { let all = ''; req.on('data', (data) => { all += data; }); req.on('end', () => use(all)); };

const scenarios = {
  end_alone: () => one(served((req, res) => res.end('hi')), LAST),
  end_without_data: () => one(served((req, res) => res.end()), LAST),
  keep_alive: () => one(served((req, res) => res.end('hi')), GET, {then: [['hi', LAST]]}),
  keep_alive_client_ends: () => one(served((req, res) => res.end('hi')), GET, {until: 'hi'}),
  write_head_then_end: () => one(served((req, res) => { res.writeHead(200, {'Content-Type': 'text/plain'}); res.end('hi'); }), LAST),
  write_head_phrase: () => one(served((req, res) => { res.writeHead(404, 'Gone fishing', {'X-A': 'b'}); res.end(); }), LAST),
  write_head_unknown: () => one(served((req, res) => { res.writeHead(299); res.end('x'); }), LAST),
  write_head_over_set_header: () => one(served((req, res) => {
    res.setHeader('X-A', '1'); res.setHeader('X-B', '2'); res.writeHead(200, {'x-a': '3', 'X-C': '4'}); res.end('hi');
  }), LAST),
  set_header_twice: () => one(served((req, res) => {
    res.setHeader('X-A', '1'); res.setHeader('Set-Cookie', ['a=1', 'b=2']); res.setHeader('x-a', 5); res.end('hi');
  }), LAST),
  append_header: () => one(served((req, res) => { res.appendHeader('X-A', '1'); res.appendHeader('x-a', '2'); res.end('hi'); }), LAST),
  remove_header: () => one(served((req, res) => { res.setHeader('X-A', '1'); res.removeHeader('x-A'); res.end('hi'); }), LAST),
  writes: () => one(served((req, res) => { res.write('one'); res.write('two'); res.end('three'); }), LAST),
  write_empty: () => one(served((req, res) => { res.write(''); res.end(); }), LAST),
  own_length: () => one(served((req, res) => { res.setHeader('Content-Length', 5); res.write('he'); res.end('llo'); }), LAST),
  own_length_in_head: () => one(served((req, res) => { res.writeHead(200, {'Content-Length': 2}); res.end('hi'); }), LAST),
  own_date_and_connection: () => one(served((req, res) => {
    res.setHeader('Date', 'never'); res.setHeader('Connection', 'close'); res.end('hi');
  }), GET),
  own_keep_alive_field: () => one(served((req, res) => { res.setHeader('Connection', 'keep-alive'); res.end('hi'); }), GET, {until: 'hi'}),
  own_chunks: () => one(served((req, res) => { res.setHeader('Transfer-Encoding', 'chunked'); res.end('hi'); }), LAST),
  no_date: () => one(served((req, res) => { res.sendDate = false; res.end('hi'); }), LAST),
  head: () => one(served((req, res) => res.end('hi')), 'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  head_with_head: () => one(served((req, res) => { res.writeHead(200); res.write('a'); res.end('hi'); }), 'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  no_content: () => one(served((req, res) => { res.statusCode = 204; res.end('lost'); }), LAST),
  not_modified: () => one(served((req, res) => { res.writeHead(304, {ETag: '"a"'}); res.end(); }), LAST),
  no_content_in_chunks: () => one(served((req, res) => { res.writeHead(204, {'Transfer-Encoding': 'chunked'}); res.end(); }), GET),
  http_1_0: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.0\r\n\r\n'),
  http_1_0_writes: () => one(served((req, res) => { res.write('a'); res.end('b'); }), 'GET / HTTP/1.0\r\n\r\n'),
  http_1_0_keep_alive: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'),
  http_1_0_keep_alive_length: () => one(served((req, res) => { res.setHeader('Content-Length', 2); res.end('hi'); }), 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', {until: 'hi'}),
  flush_headers: () => one(served((req, res) => { res.flushHeaders(); res.end('hi'); }), LAST),
  trailers_out: () => one(served((req, res) => { res.writeHead(200, {Trailer: 'X-Sum'}); res.write('a'); res.addTrailers({'X-Sum': '7'}); res.end(); }), LAST),
  trailer_without_chunks: () => one(served((req, res) => { res.setHeader('Content-Length', 1); res.setHeader('Trailer', 'X'); attempt(() => res.writeHead(200)); req.socket.destroy(); }), LAST),
  early_hints: () => one(served((req, res) => { res.writeEarlyHints({link: '</a.css>; rel=preload; as=style'}); res.end('hi'); }), LAST),
  processing: () => one(served((req, res) => { res.writeProcessing(); res.end('hi'); }), LAST),
  headers_sent: () => one(served((req, res) => {
    note(`sent ${res.headersSent}`); res.writeHead(200); note(`sent ${res.headersSent}`);
    attempt(() => res.setHeader('A', 'b')); attempt(() => res.writeHead(200)); attempt(() => res.removeHeader('A')); res.end('hi');
  }), LAST),
  splitting: () => one(served((req, res) => {
    attempt(() => res.setHeader('A', 'b\r\nC: d')); attempt(() => res.setHeader('A\r\nC', 'd'));
    attempt(() => res.writeHead(200, {A: 'b\nC: d'})); res.end('hi');
  }), LAST),
  write_after_end: () => one(served((req, res) => { res.end('hi'); res.write('late'); }), LAST),
  end_twice: () => one(served((req, res) => { res.end('hi'); res.end(); }), LAST),
  on_finish: () => one(served((req, res) => res.end('hi', () => note('on finish'))), LAST),
  body_by_length: () => one(served((req, res) => whole(req, (all) => res.end(all))), post('hello')),
  body_in_chunks: () => one(served((req, res) => whole(req, (all) => res.end(all))), chunked('5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n')),
  trailers_in: () => one(served((req, res) => whole(req, () => res.end(JSON.stringify([req.trailers, req.rawTrailers])))),
    chunked('1\r\na\r\n0\r\nX-Sum: 7\r\nx-sum: 8\r\n\r\n')),
  body_unread: () => one(served((req, res) => res.end('hi'), {read: false}), post('hello')),
  body_unread_keep_alive: () => one(served((req, res) => res.end('hi'), {read: false}), post('hello').replace('Connection: close\r\n', '') + LAST),
  answered_before_body: () => one(served((req, res) => res.end('hi'), {read: false}),
    'POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n', {then: [['hi', 'hello' + LAST]]}),
  resume_then_end: () => one(served((req, res) => { req.resume(); req.on('end', () => res.end('hi')); }, {read: false}), post('hello')),
  encoding: () => one(served((req, res) => { req.setEncoding('utf8'); whole(req, (all) => res.end(String(all.length))); }), post('\xe4\xbd\xa0')),
  pipelined: () => one(served((req, res) => res.end(req.url)), 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n' + LAST),
  pipelined_answered_backwards: () => {
    const held = [];
    one(served((req, res) => { held.push([req, res]); if (held.length === 2) for (const [q, r] of held.reverse()) r.end(q.url); }),
      'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  },
  joined: () => one(served((req, res) => res.end(JSON.stringify([req.headers, req.rawHeaders]))),
    'GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=1\r\nCookie: b=2\r\nContent-Type: a/b\r\ncontent-type: c/d\r\n' +
    'Set-Cookie: q\r\nAccept: x\r\nACCEPT:  y  \r\nEmpty:\r\nUser-Agent: one\r\nUser-Agent: two\r\nConnection: close\r\n\r\n'),
  expect_continue: () => one(served((req, res) => whole(req, (all) => res.end(all))),
    'POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n', {then: [['100 Continue\r\n\r\n', 'ab']]}),
  check_continue: () => one(null,
    'POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n', {then: [['100 Continue\r\n\r\n', 'ab']],
      on: {checkContinue: served((req, res) => { note('checkContinue'); res.writeContinue(); whole(req, (all) => res.end(all)); })}}),
  check_continue_refused: () => one(null,
    'POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n', {
      on: {checkContinue: served((req, res) => { note('checkContinue'); res.writeHead(400); res.end(); }, {read: false})}}),
  expect_other: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nConnection: close\r\n\r\n'),
  check_expectation: () => one(null, 'GET / HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nConnection: close\r\n\r\n',
    {on: {checkExpectation: served((req, res) => { note('checkExpectation'); res.end('gold'); })}}),
  connect_unheard: () => one(served((req, res) => res.end('hi')), 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n'),
  connect_heard: () => one(null, 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nearly', {on: {connect: (req, socket, head) => {
    note(`connect ${req.url} ${head}`); socket.write('HTTP/1.1 200 OK\r\n\r\n'); socket.end(head);
  }}}),
  upgrade_unheard: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n', {until: 'hi'}),
  upgrade_heard: () => one(null, 'GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\nearly', {on: {upgrade: (req, socket, head) => {
    note(`upgrade ${req.url} ${req.headers.upgrade} ${head}`); socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'); socket.end(head);
  }}, then: []}),
  upgrade_goes_on: () => one(null, 'GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n', {on: {upgrade: (req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'); socket.on('data', (data) => { note('got ' + data); socket.end('bye'); });
  }}, then: [['101', 'GET / no request']]}),
  not_http: () => one(served((req, res) => res.end('hi')), 'hello\r\n\r\n'),
  client_error_heard: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n', {on: {clientError: (error, socket) => {
    note('clientError ' + (error instanceof Error)); socket.end('HTTP/1.1 418 Teapot\r\n\r\n');
  }}}),
  bad_after_good: () => one(served((req, res) => res.end('hi')), GET, {then: [['hi', 'nonsense\r\n\r\n']]}),
  response_destroyed: () => one(served((req, res) => { res.write('a'); res.destroy(); }), GET),
  socket_destroyed: () => one(served((req, res) => req.socket.destroy(), {read: false}), GET),
  request_destroyed: () => one(served((req, res) => req.destroy(), {read: false}), post('hello').slice(0, -2)),
  keep_alive_timeout: () => one(served((req, res) => res.end('hi')), GET, {options: {keepAliveTimeout: 300}}),
  max_requests: () => one(served((req, res) => res.end('hi')), GET, {on: {listening() { this.maxRequestsPerSocket = 2; }}, then: [['hi', GET]]}),
  http_version_host: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.1\r\n\r\n'),
  absolute_form: () => one(served((req, res) => res.end(req.url)), 'GET http://x/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  options_star: () => one(served((req, res) => res.end(req.url)), 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  bytes_behind_the_last: () => one(served((req, res) => res.end('hi')), LAST + GET),
  leading_lines: () => one(served((req, res) => res.end('hi')), '\r\n\r\n' + LAST),
  client_ends_after_request: () => one(served((req, res) => res.end('hi')), GET, {half: true}),
  client_ends_early_late_answer: () => one(served((req, res) => { req.socket.on('end', () => res.end('late')); }), GET, {half: true}),
  client_ends_in_the_head: () => one(served((req, res) => res.end('hi')), 'GET / HTTP/1.1\r\nHo', {half: true}),
  client_ends_in_the_body: () => one(served(() => {}), post('hello').slice(0, -2), {half: true}),
};

process.on('exit', () => console.log(JSON.stringify(story)));
setTimeout(() => process.exit(), 8000).unref();
scenarios[process.argv[2]]();
