// One scenario of tests/http/test_client_node.py in Node: prints what the client emitted and what the server was asked.
// Rule: says and does exactly what the Python scenario of the same name does; the server is a plain socket in both.
'use strict';
const http = require('http');
const net = require('net');

const story = {client: [], server: []};
const note = (who, event) => {
  const list = story[who];
  if (!event.endsWith(' data') || list[list.length - 1] !== event) list.push(event);  // TCP may cut the stream anywhere
};
const noting = (source, who, events) => { for (const event of events) source.on(event, () => note('client', `${who} ${event}`)); };
const state = (agent) => {
  const count = (table) => Object.keys(table).map((key) => `${key.replace(/:\d+:/, ':PORT:')}=${table[key].length}`).join(' ') || '-';
  note('client', `sockets ${count(agent.sockets)} free ${count(agent.freeSockets)} waiting ${count(agent.requests)}`);
};

// A server of plain sockets: answer(socket, number, all that came) is called for each whole head that a client sends.
const settle = (action, turns = 6) => (turns ? setImmediate(() => settle(action, turns - 1)) : action());
let served = [];
const serve = (answer, use, {early = false, quiet = false} = {}) => {
  const server = net.createServer((socket) => {
    if (!quiet) note('server', 'connection');
    served.push(socket);
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += data;
      for (let end; (end = text.indexOf('\r\n\r\n')) >= 0;) {
        const head = text.slice(0, end);
        const last = !early && /chunked/.test(head) ? text.indexOf('\r\n0\r\n\r\n', end) + 3 : end;
        if (last < end) return;  // the body has not come
        text = early ? '' : text.slice(last + 4);
        if (!quiet) note('server', head.split('\r\n')[0]);
        server.count = (server.count || 0) + 1;
        answer(socket, server.count, head);
      }
    });
  });
  server.listen(0, '127.0.0.1', () => use(server.address().port, (...agents) => {
    server.close();
    for (const agent of agents) agent.destroy();
    for (const socket of served) socket.end();
  }));
};
const watchResponse = (name, response, {read = true} = {}) => {
  noting(response, name, ['end', 'aborted', 'timeout']);
  response.on('error', (error) => note('client', `${name} error ${error.code}`));
  response.on('close', () => note('client', `${name} close`));
  if (read) response.on('data', () => note('client', `${name} data`));
};
const seen = new Set();
let closed = 0;  // sockets
let waiter = null;
const gone = (action) => (closed ? action() : waiter = action);  // once a socket of the client has closed
const watch = (name, request, {read = true, listen = true, sockets = true} = {}) => {
  noting(request, name, ['finish', 'abort', 'timeout', 'drain', 'continue']);
  request.on('information', (info) => note('client', `${name} information ${info.statusCode}`));
  request.on('error', (error) => note('client', `${name} error ${error.code}`));
  request.on('close', () => note('client', `${name} close`));
  request.on('socket', (socket) => {
    note('client', `${name} socket${request.reusedSocket ? ' reused' : ''}`);
    if (!sockets || seen.has(socket)) return;
    seen.add(socket);
    noting(socket, 'socket', ['connect', 'end', 'timeout']);
    socket.on('error', (error) => note('client', `socket error ${error.code}`));
    socket.on('close', (failed) => { note('client', `socket close ${failed}`); closed += 1; if (waiter) waiter(); waiter = null; });
  });
  if (listen) {
    request.on('response', (response) => {
      note('client', `${name} response ${response.statusCode}`);
      watchResponse(name + '-response', response, {read});
    });
  }
  return request;
};
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
const CLOSING = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi';
const say = (text) => (socket) => socket.write(text);
const local = {host: '127.0.0.1'};
const after = (count, action) => () => { if (--count === 0) action(); };

// One request to a server that answers with these bytes; when it has closed, all is stopped.
const one = (answer, options = {}, use = (request) => request.end(), {early = false, states = true, ...watching} = {}) => serve(
  typeof answer === 'string' ? say(answer) : answer, (port, stop) => {
    const agent = options.agent === undefined ? new http.Agent({keepAlive: true}) : options.agent;
    const request = watch('request', http.request({...local, port, ...options, agent}), watching);
    request.on('close', () => settle(() => { if (agent && states) state(agent); stop(...(agent ? [agent] : [])); }));
    use(request);
  }, {early});
// Two requests after each other on one agent.
const two = (answer, options = {}, agentOptions = {}, between = (port, next) => next(), watching = {}) => serve(
  typeof answer === 'string' ? say(answer) : answer, (port, stop) => {
    const agent = new http.Agent({keepAlive: true, ...agentOptions});
    const first = watch('first', http.get({...local, port, path: '/1', agent}), watching);
    first.on('close', () => settle(() => {
      state(agent);
      between(port, () => {
        const second = watch('second', http.request({...local, port, path: '/2', agent, ...options}), watching);
        second.on('close', () => settle(() => { state(agent); stop(agent); }));
        second.end();
      }, agent);
    }));
  });

const scenarios = {
  get_kept_alive: () => one(OK),
  get_and_the_server_closes: () => one((socket) => socket.end(CLOSING)),
  server_says_close_and_waits: () => one(CLOSING),
  without_an_agent: () => one(OK, {agent: false}),
  agent_that_keeps_nothing: () => one(OK, {agent: new http.Agent()}),
  body_until_close: () => one((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall')),
  chunked_with_trailers: () => one('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n'),
  head: () => one('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', {method: 'HEAD'}),
  status_204: () => one('HTTP/1.1 204 No Content\r\n\r\n'),
  status_304: () => one('HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'),
  http_1_0: () => one((socket) => socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi')),
  http_1_0_kept_alive: () => one('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi'),
  nobody_listens_to_the_response: () => one(OK, {}, (request) => request.end(), {listen: false}),
  continue_100: () => one((socket, number) => socket.write(number === 1 ? 'HTTP/1.1 100 Continue\r\n\r\n' : OK),
    {method: 'POST', headers: {'Expect': '100-continue', 'Content-Length': 4}},
    (request) => request.on('continue', () => request.end('\r\n\r\n'))),
  early_hints: () => one('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' + OK),
  hang_up: () => one((socket) => socket.end()),
  hang_up_in_the_head: () => one((socket) => socket.end('HTTP/1.1 200 OK\r\nCont')),
  cut_in_the_body: () => one((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi')),
  reset_in_the_body: () => one((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi');
    setTimeout(() => socket.resetAndDestroy(), 30);
  }),
  reset_before_the_answer: () => one((socket) => socket.resetAndDestroy()),
  no_http: () => one('hello\r\n\r\n'),
  two_lengths: () => one('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi'),
  refused: () => serve(() => {}, (port, stop) => {
    stop();
    const spare = net.createServer().listen(0, '127.0.0.1', () => {
      const closed = spare.address().port;
      spare.close(() => watch('request', http.get({...local, port: closed, agent: new http.Agent({keepAlive: true})})));
    });
  }),
  destroyed_at_once: () => serve(() => {}, (port, stop) => {
    const agent = new http.Agent({keepAlive: true});
    watch('request', http.get({...local, port, agent})).on('close', () => settle(() => stop(agent))).destroy();
  }, {quiet: true}),
  destroyed_before_the_answer: () => one(() => {}, {}, (request) => {
    request.on('finish', () => request.destroy());
    request.end();
  }),
  destroyed_with_an_error: () => one(() => {}, {}, (request) => {
    request.on('finish', () => request.destroy(Object.assign(new Error('enough'), {code: 'ECUSTOM'})));
    request.end();
  }),
  destroyed_in_the_answer: () => one('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi', {}, (request) => {
    request.on('response', (response) => response.once('data', () => request.destroy()));
    request.end();
  }),
  response_destroyed: () => one('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi', {}, (request) => {
    request.on('response', (response) => response.once('data', () => response.destroy()));
    request.end();
  }),
  aborted: () => one(() => {}, {}, (request) => {
    request.on('finish', () => request.abort());
    request.end();
  }),
  timeout: () => one(() => {}, {timeout: 40}, (request) => {
    request.on('timeout', () => request.destroy());
    request.end();
  }),
  set_timeout: () => one(() => {}, {}, (request) => {
    request.setTimeout(40, () => request.destroy());
    request.end();
  }, {sockets: false}),
  timeout_in_the_answer: () => one('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi', {timeout: 60}, (request) => {
    request.on('timeout', () => request.destroy());
    request.end();
  }),
  upgrade: () => one('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst',
    {headers: {Connection: 'Upgrade', Upgrade: 'echo'}}, (request) => {
      request.on('upgrade', (response, socket, head) => {
        note('client', `request upgrade ${response.statusCode} ${head}`);
        socket.on('data', (data) => { note('client', `later ${data}`); socket.end(); });
        for (const each of served) each.write('second');
      });
      request.end();
    }, {states: false}),
  upgrade_nobody_listens: () => one('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst',
    {headers: {Connection: 'Upgrade', Upgrade: 'echo'}}),
  upgrade_declined: () => one(OK, {headers: {Connection: 'Upgrade', Upgrade: 'echo'}}, (request) => {
    request.on('upgrade', () => note('client', 'request upgrade'));
    request.end();
  }),
  connect: () => one('HTTP/1.1 200 Connection Established\r\n\r\nfirst', {method: 'CONNECT', path: 'a:1'}, (request) => {
    request.on('connect', (response, socket, head) => {
      note('client', `request connect ${response.statusCode} ${head}`);
      socket.end();
    });
    request.end();
  }, {states: false}),
  connect_refused: () => one('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', {method: 'CONNECT', path: 'a:1'}, (request) => {
    request.on('connect', (response, socket, head) => {
      note('client', `request connect ${response.statusCode} ${head}`);
      socket.end();
    });
    request.end();
  }, {states: false}),
  connect_nobody_listens: () => one('HTTP/1.1 200 Connection Established\r\n\r\n', {method: 'CONNECT', path: 'a:1'}),
  answered_before_the_body_is_sent: () => one((socket, number) => number === 1 && socket.write(OK), {method: 'POST'}, (request) => {
    request.write('a');
    request.on('response', (response) => response.on('end', () => setTimeout(() => request.end('b'), 30)));
  }, {early: true}),
  body_in_pieces: () => one(OK, {method: 'POST'}, (request) => { request.write('a'); request.write('b'); request.end('c'); }),
  write_after_end: () => one(OK, {method: 'POST'}, (request) => { request.end('a'); request.write('b'); }),
  reused: () => two(OK),
  reused_after_the_server_closed: () => two((socket, number) => number === 1 ? socket.end(OK) : socket.write(OK), {}, {},
    (port, next, agent) => gone(() => settle(() => { state(agent); next(); }))),
  post_on_a_connection_that_closes: () => two(
    (socket, number) => number === 1 ? socket.write(OK) : socket.end(), {method: 'POST'}, {}, (port, next) => next(),
    {sockets: false}),
  short_keep_alive_hint: () => two('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nhi'),
  one_socket_for_three: () => serve(say(OK), (port, stop) => {
    const agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const over = after(3, () => settle(() => { state(agent); stop(agent); }));
    for (const name of ['first', 'second', 'third']) {
      watch(name, http.get({...local, port, path: '/' + name, agent})).on('close', over);
    }
    state(agent);
  }),
  one_socket_for_two_without_keeping: () => serve(say(OK), (port, stop) => {
    const agent = new http.Agent({maxSockets: 1});
    const over = after(2, () => settle(() => { state(agent); stop(agent); }));
    for (const name of ['first', 'second']) {
      watch(name, http.get({...local, port, path: '/' + name, agent})).on('close', over);
    }
    state(agent);
  }),
  one_socket_that_closes_for_two: () => serve((socket) => socket.end(CLOSING), (port, stop) => {
    const agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const over = after(2, () => settle(() => { state(agent); stop(agent); }));
    for (const name of ['first', 'second']) {
      watch(name, http.get({...local, port, path: '/' + name, agent})).on('close', over);
    }
  }),
  most_free_sockets: () => serve(say(OK), (port, stop) => {
    const agent = new http.Agent({keepAlive: true, maxFreeSockets: 1});
    const over = after(2, () => settle(() => { state(agent); stop(agent); }));
    for (const path of ['/first', '/second']) http.get({...local, port, path, agent}).on('close', over);
    state(agent);
  }, {quiet: true}),
  unread_response_holds_the_socket: () => serve(say(OK), (port, stop) => {
    const agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const over = after(2, () => settle(() => { state(agent); stop(agent); }));
    const first = watch('first', http.get({...local, port, path: '/first', agent}), {read: false}).on('close', over);
    first.on('response', (response) => setTimeout(() => { state(agent); response.resume(); }, 40));
    watch('second', http.get({...local, port, path: '/second', agent})).on('close', over);
  }),
  agent_destroyed: () => serve(() => {}, (port, stop) => {
    const agent = new http.Agent({keepAlive: true});
    const request = watch('request', http.get({...local, port, agent}));
    request.on('finish', () => agent.destroy());
    request.on('close', () => settle(() => { state(agent); stop(agent); }));
  }),
};

process.on('exit', () => console.log(JSON.stringify(story)));
scenarios[process.argv[2]]();
