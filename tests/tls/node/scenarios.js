// One scenario of tests/tls/test_node.py in Node: prints the events of the server, of its socket and of the client.
// Rule: says and does exactly what the Python scenario of the same name does. Arguments: name, version, folder of PEMs.
'use strict';
const tls = require('tls');
const net = require('net');
const fs = require('fs');
const [, , name, version, folder] = process.argv;
const pem = (file) => fs.readFileSync(folder + '/' + file);

const story = {server: [], served: [], client: []};
const note = (who, event) => {
  const list = story[who];
  // TCP may cut the stream anywhere; how many tickets a server sends is its own business.
  if (!['data', 'session'].includes(event) || list[list.length - 1] !== event) list.push(event);
};
const watch = (who, socket, {read = true} = {}) => {
  for (const event of ['connect', 'secureConnect', 'end', 'finish', 'session']) socket.on(event, () => note(who, event));
  socket.on('error', (error) => note(who, 'error ' + error.code));
  socket.on('close', (failed) => note(who, 'close ' + failed));
  if (read) socket.on('data', () => note(who, 'data'));
  return socket;
};
const watchServer = (server) => {
  server.on('connection', () => note('server', 'connection'));
  server.on('secureConnection', () => note('server', 'secureConnection'));
  server.on('tlsClientError', (error) => note('server', 'tlsClientError ' + error.code));
  server.on('close', () => note('server', 'close'));
  return server;
};
const one = (serve, use, {serverOptions = {}, clientOptions = {}} = {}) => {
  const server = watchServer(tls.createServer({
    key: pem('server.key'), cert: pem('server.pem'), ca: pem('root.pem'), minVersion: version, maxVersion: version,
    ...serverOptions,
  }, (socket) => {
    watch('served', socket);
    serve(socket, server);
  }));
  server.on('connection', () => server.close());
  server.listen(0, '127.0.0.1', () => {
    const client = watch('client', tls.connect({
      port: server.address().port, host: '127.0.0.1', ca: pem('root.pem'), ...clientOptions,
    }));
    use(client, server);
  });
};
const nothing = () => {};
const reply = (socket) => socket.on('data', (data) => socket.write(data));

const scenarios = {
  exchange_client_ends: () => one(reply, (client) => {
    client.once('data', () => client.end());
    client.write('hello');
  }),
  exchange_server_ends: () => one((socket) => socket.once('data', () => socket.end('bye')), (client) => client.write('hello')),
  server_ends_at_once: () => one((socket) => socket.end(), nothing),
  server_ends_with_data: () => one((socket) => socket.end('greeting'), nothing),
  client_ends_at_once: () => one(nothing, (client) => client.end('all I have')),
  half_open_server: () => one((socket) => socket.on('end', () => socket.end('late answer')),
    (client) => client.end('question'), {serverOptions: {allowHalfOpen: true}}),
  echo_by_pipe: () => one((socket) => socket.pipe(socket), (client) => {
    client.once('data', () => client.end());
    client.write('echo me');
  }),
  client_destroys_after_data: () => one(reply, (client) => {
    client.once('data', () => client.destroy());
    client.write('x');
  }),
  server_destroys_after_data: () => one((socket) => socket.once('data', () => socket.destroy()), (client) => client.write('x')),
  unknown_ca: () => one(nothing, nothing, {clientOptions: {ca: pem('other.pem')}}),
  wrong_name: () => one(nothing, nothing, {clientOptions: {servername: 'example.com'}}),
  not_rejected: () => one((socket) => socket.end(), nothing, {clientOptions: {ca: pem('other.pem'), rejectUnauthorized: false}}),
  own_check_refuses: () => one(nothing, nothing, {clientOptions: {checkServerIdentity: () => new Error('no')}}),
  certificate_required: () => one(nothing, nothing, {serverOptions: {requestCert: true}}),
  certificate_given: () => one((socket) => socket.end(), nothing, {
    serverOptions: {requestCert: true}, clientOptions: {key: pem('client.key'), cert: pem('client.pem')},
  }),
  certificate_asked: () => one((socket) => socket.end(), nothing, {serverOptions: {requestCert: true, rejectUnauthorized: false}}),
  no_common_version: () => one(nothing, nothing, {
    clientOptions: version === 'TLSv1.3' ? {maxVersion: 'TLSv1.2'} : {minVersion: 'TLSv1.3'},
  }),
  no_common_protocol: () => one(nothing, nothing, {
    serverOptions: {ALPNProtocols: ['one']}, clientOptions: {ALPNProtocols: ['two']},
  }),
  plain_http: () => {
    const server = watchServer(tls.createServer({key: pem('server.key'), cert: pem('server.pem')}));
    server.on('connection', () => server.close());
    server.listen(0, '127.0.0.1', () => {
      net.connect(server.address().port, '127.0.0.1').on('error', nothing).resume().end('GET / HTTP/1.1\r\n\r\n');
    });
  },
  handshake_timeout: () => {
    const server = watchServer(tls.createServer({key: pem('server.key'), cert: pem('server.pem'), handshakeTimeout: 50}));
    server.on('connection', () => server.close());
    server.on('tlsClientError', (error, socket) => socket.destroy());  // Node leaves it open
    server.listen(0, '127.0.0.1', () => net.connect(server.address().port, '127.0.0.1').on('error', nothing).resume());
  },
  client_leaves_in_the_handshake: () => {
    const server = watchServer(tls.createServer({key: pem('server.key'), cert: pem('server.pem')}));
    server.on('connection', () => server.close());
    server.listen(0, '127.0.0.1', () => net.connect(server.address().port, '127.0.0.1').resume().end());
  },
  server_leaves_in_the_handshake: () => {
    const server = net.createServer((socket) => socket.on('error', nothing).resume().end());
    server.listen(0, '127.0.0.1', () => {
      watch('client', tls.connect(server.address().port, '127.0.0.1')).on('close', () => server.close());
    });
  },
  refused: () => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const port = server.address().port;
      server.close(() => watch('client', tls.connect(port, '127.0.0.1')));
    });
  },
};

process.on('exit', () => process.stdout.write(JSON.stringify(story)));
scenarios[name]();
