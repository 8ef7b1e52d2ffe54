// The table of client certificates of tests/tls/test_mutual.py in Node: prints what both sides see, for every case.
// Rule: the client reads until the end; nothing but what Node tells is in it. Argument: folder of PEMs.
'use strict';
const tls = require('tls');
const fs = require('fs');
const folder = process.argv[2];
const pem = (file) => fs.readFileSync(folder + '/' + file);
const policies = {
  'not asked': {}, 'asked': {requestCert: true, rejectUnauthorized: false}, 'required': {requestCert: true},
};
const play = (policy, given, version) => new Promise((done) => {
  const seen = {authorized: null, why: null, server: null, client: null, got: ''};
  const server = tls.createServer({
    key: pem('server.key'), cert: pem('server.pem'), ca: pem('root.pem'), minVersion: version, maxVersion: version,
    ...policies[policy],
  }, (socket) => {
    seen.authorized = socket.authorized;
    seen.why = socket.authorizationError || null;
    socket.on('error', () => {});
    socket.end('welcome!\n');
  });
  server.on('tlsClientError', (error) => { seen.server = error.code; });
  server.on('close', () => done(seen));
  server.listen(0, '127.0.0.1', () => {
    const own = given === 'none' ? {} : {key: pem(given + '.key'), cert: pem(given + '.pem')};
    const client = tls.connect({port: server.address().port, host: '127.0.0.1', ca: pem('root.pem'), ...own});
    client.on('data', (data) => { seen.got += data; });
    client.on('error', (error) => { seen.client = error.code; });
    client.on('close', () => server.close());
  });
});
(async () => {
  const table = {};
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    for (const policy of Object.keys(policies)) {
      for (const given of ['none', 'right', 'stranger', 'expired']) {
        table[[version, policy, given].join()] = await play(policy, given, version);
      }
    }
  }
  console.log(JSON.stringify(table));
})();
