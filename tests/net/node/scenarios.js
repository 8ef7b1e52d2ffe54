// One scenario of tests/net/test_node.py in Node: prints the events of the client and of the server, each in order.
// Rule: says and does exactly what the Python scenario of the same name does; no timers but the sockets' own.
'use strict';
const net = require('net');

const story = {server: [], served: [], client: []};
const note = (who, event) => {
  const list = story[who];
  if (event !== 'data' || list[list.length - 1] !== 'data') list.push(event);  // TCP may cut the stream anywhere
};
const watch = (who, socket, {read = true} = {}) => {
  for (const event of ['connect', 'end', 'drain', 'timeout']) socket.on(event, () => note(who, event));
  socket.on('error', (error) => note(who, 'error ' + error.code));
  socket.on('close', (failed) => note(who, 'close ' + failed));
  if (read) socket.on('data', () => note(who, 'data'));
  return socket;
};
const watchServer = (server) => {
  server.on('listening', () => note('server', 'listening'));
  server.on('connection', () => note('server', 'connection'));
  server.on('drop', () => note('server', 'drop'));
  server.on('error', (error) => note('server', 'error ' + error.code));
  server.on('close', () => note('server', 'close'));
  return server;
};
// A server that serves one connection, and a client on it; the server closes when it has accepted it.
const one = (serve, use, {serverOptions = {}, clientOptions = {}, read = true} = {}) => {
  const server = watchServer(net.createServer(serverOptions, (socket) => {
    server.close();
    watch('served', socket, {read});
    serve(socket, server);
  }));
  server.listen(0, '127.0.0.1', () => {
    const client = new net.Socket(clientOptions);
    watch('client', client);
    client.connect(server.address().port, '127.0.0.1');
    use(client, server);
  });
};
const reply = (socket) => socket.on('data', (data) => socket.write(data));

const scenarios = {
  exchange_client_ends: () => one(reply, (client) => {
    client.once('data', () => client.end());
    client.write('hello');
  }),
  exchange_server_ends: () => one((socket) => socket.once('data', () => socket.end('bye')), (client) => client.write('hello')),
  server_ends_at_once: () => one((socket) => socket.end(), () => {}),
  server_ends_with_data: () => one((socket) => socket.end('greeting'), () => {}),
  client_ends_before_connect: () => one(() => {}, (client) => client.end('all I have')),
  write_before_connect: () => one((socket) => socket.once('data', () => socket.end()), (client) => client.write('early')),
  half_open_server: () => one((socket) => socket.on('end', () => socket.end('late answer')),
    (client) => client.end('question'), {serverOptions: {allowHalfOpen: true}}),
  half_open_client: () => one((socket) => socket.end('first'), (client) => {
    client.on('end', () => client.end('last'));
  }, {clientOptions: {allowHalfOpen: true}, serverOptions: {allowHalfOpen: true}}),
  reset_by_server: () => one((socket) => socket.once('data', () => socket.resetAndDestroy()), (client) => client.write('x')),
  reset_by_client: () => one((socket) => socket.write('x'), (client) => client.once('data', () => client.resetAndDestroy())),
  destroy_by_server: () => one((socket) => socket.once('data', () => socket.destroy()), (client) => client.write('x')),
  destroy_by_client: () => one((socket) => socket.write('x'), (client) => client.once('data', () => client.destroy())),
  destroy_before_connect: () => {
    const server = watchServer(net.createServer());
    server.listen(0, '127.0.0.1', () => {
      const client = watch('client', new net.Socket());
      client.connect(server.address().port, '127.0.0.1');
      client.write('never sent');
      client.destroy();
      client.on('close', () => server.close());
    });
  },
  destroy_with_error: () => one((socket) => socket.once('data', () => {
    const error = new Error('enough');
    error.code = 'ECUSTOM';
    socket.destroy(error);
  }), (client) => client.write('x')),
  refused: () => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const port = server.address().port;
      server.close(() => watch('client', new net.Socket()).connect(port, '127.0.0.1'));
    });
  },
  no_such_path: () => watch('client', new net.Socket()).connect('/nowhere/at/all'),
  port_in_use: () => {
    const first = net.createServer().listen(0, '127.0.0.1', () => {
      const second = watchServer(net.createServer());
      second.on('error', () => first.close());
      second.listen(first.address().port, '127.0.0.1');
    });
  },
  listen_again: () => {
    const server = watchServer(net.createServer());
    let times = 0;
    server.on('listening', () => server.close());
    server.on('close', () => { if (++times < 2) server.listen(0, '127.0.0.1'); });
    server.listen(0, '127.0.0.1');
  },
  timeout: () => one((socket) => socket.setTimeout(30, () => socket.end('too slow')), () => {}),
  timeout_destroys: () => one((socket) => socket.setTimeout(30, () => socket.destroy()), () => {}),
  timeout_on_client: () => one(() => {}, (client) => client.setTimeout(30, () => client.end())),
  write_after_end: () => one((socket) => socket.once('data', () => { socket.end('bye'); socket.write('late'); }),
    (client) => client.write('x')),
  write_after_destroy: () => one((socket) => socket.once('data', () => { socket.destroy(); socket.write('late'); }),
    (client) => client.write('x')),
  drain: () => one((socket) => {
    socket.write(Buffer.alloc(8000000));
    socket.on('drain', () => socket.end());
  }, () => {}),
  drain_of_early_writes: () => one(() => {}, (client) => {
    client.write(Buffer.alloc(300000));
    client.on('drain', () => client.end());
  }),
  end_without_reader_no_data: () => one(() => {}, (client) => client.end(), {read: false}),
  server_says_bye_and_reads_nothing: () => one((socket) => socket.end('bye'), () => {}, {read: false}),
  unread_data_holds_the_end: () => one((socket) => {
    setTimeout(() => socket.resume(), 30);  // the only clock here: when data and FIN have long been there
  }, (client) => client.end('unread'), {read: false}),
  paused_then_resumed: () => one((socket) => {
    socket.pause();
    setTimeout(() => { note('served', 'resumed'); socket.resume(); }, 30);
  }, (client) => client.end('held back')),
  pause_on_connect: () => one((socket) => {
    setTimeout(() => { note('served', 'resumed'); socket.resume(); }, 30);
  }, (client) => client.end('held back'), {serverOptions: {pauseOnConnect: true}}),
  echo_by_pipe: () => one((socket) => socket.pipe(socket), (client) => {
    client.once('data', () => client.end());
    client.write('echo me');
  }),
  max_connections: () => {
    const server = watchServer(net.createServer((socket) => watch('served', socket)));
    server.maxConnections = 1;
    server.listen(0, '127.0.0.1', () => {
      const first = net.connect(server.address().port, '127.0.0.1');
      server.on('connection', () => {
        const second = watch('client', new net.Socket());
        second.connect(server.address().port, '127.0.0.1');
        second.on('close', () => { first.end(); server.close(); });
      });
      first.resume();
    });
  },
  close_with_open_connection: () => {
    const server = watchServer(net.createServer((socket) => {
      watch('served', socket);
      server.close();
      note('server', 'close called');
      socket.write('still served');
    }));
    server.listen(0, '127.0.0.1', () => {
      const client = watch('client', new net.Socket());
      client.connect(server.address().port, '127.0.0.1');
      client.once('data', () => client.end());
    });
  },
};

process.on('exit', () => console.log(JSON.stringify(story)));
scenarios[process.argv[2]]();
