// One scenario of tests/dgram/test_node.py in Node: prints the events of each socket, in order.
// Rule: says and does exactly what the Python scenario of the same name does; no timers.
'use strict';
const dgram = require('dgram');

const story = {server: [], client: [], other: []};
const note = (who, event) => story[who].push(event);
const watch = (who, kind = 'udp4') => {
  const socket = dgram.createSocket(kind);
  for (const event of ['listening', 'connect', 'close']) socket.on(event, () => note(who, event));
  socket.on('message', (data, sender) => note(who, `message ${data} ${sender.family} ${sender.size}`));
  socket.on('error', (error) => note(who, 'error ' + error.code));
  return socket;
};
const sent = (who, then = () => {}) => (error, size) => {
  note(who, error ? 'not sent ' + error.code : 'sent ' + size);
  then();
};
const attempt = (who, action) => {
  try {
    action();
  } catch (error) {
    note(who, 'raised ' + error.code);
  }
};
const serving = (then, kind = 'udp4') => {
  const server = watch('server', kind);
  server.bind(0, kind === 'udp4' ? '127.0.0.1' : '::1', () => then(server, server.address().port));
};
// A port of this machine that nobody has (any more).
const deserted = (then) => {
  const gone = dgram.createSocket('udp4');
  gone.bind(0, '127.0.0.1', () => {
    const port = gone.address().port;
    gone.close(() => then(port));
  });
};

const scenarios = {
  question_and_answer: () => serving((server, port) => {
    const client = watch('client');
    server.on('message', (data, sender) => server.send('answer', sender.port, sender.address, sent('server')));
    client.on('message', () => {
      client.close(() => note('client', 'closed'));
      note('client', 'close called');
      server.close();
    });
    client.send('question', port, '127.0.0.1', sent('client'));
    note('client', 'send called');
  }),
  over_ipv6: () => serving((server, port) => {
    const client = watch('client', 'udp6');
    server.on('message', () => { client.close(); server.close(); });
    client.send('hello', port, '::1');
  }, 'udp6'),
  no_message_after_close: () => serving((server, port) => {
    const client = watch('client');
    let count = 0;
    const done = () => { if (++count === 5) client.close(); };
    server.once('message', () => server.close());
    for (let i = 0; i < 5; i++) client.send('message ' + i, port, '127.0.0.1', done);
  }),
  offset_and_length: () => serving((server, port) => {
    const client = watch('client');
    server.on('message', () => server.close());
    attempt('client', () => client.send(Buffer.from('hello'), 3, 5, port, '127.0.0.1'));
    client.send(Buffer.from('hello world'), 6, 5, port, '127.0.0.1', sent('client', () => client.close()));
  }),
  nothing_is_a_datagram: () => serving((server, port) => {
    const client = watch('client');
    server.on('message', () => server.close());
    client.send('', port, '127.0.0.1', sent('client', () => client.close()));
  }),
  text_is_utf8: () => serving((server, port) => {
    const client = watch('client');
    server.on('message', () => server.close());
    client.send('您好', port, '127.0.0.1', sent('client', () => client.close()));
  }),
  too_large: () => {
    const client = watch('client');
    client.send(Buffer.alloc(65508), 9, '127.0.0.1', sent('client', () => client.close()));
  },
  unknown_name: () => {
    const client = watch('client');
    client.on('error', () => client.close());
    client.send('hello', 9, 'no.such.host.invalid');
  },
  unknown_name_with_callback: () => {
    const client = watch('client');
    client.send('hello', 9, 'no.such.host.invalid', sent('client', () => client.close()));
  },
  other_family: () => {
    const client = watch('client');
    client.send('hello', 9, '::1', sent('client', () => client.close()));
  },
  localhost_from_udp4: () => serving((server, port) => {
    const client = watch('client');
    server.on('message', () => server.close());
    client.send('hello', port, 'localhost', sent('client', () => client.close()));
  }),
  after_close: () => {
    const server = watch('server');
    server.bind(0, '127.0.0.1', () => {
      server.close();
      attempt('server', () => server.send('late', 9, '127.0.0.1'));
      attempt('server', () => server.address());
      attempt('server', () => server.bind(0));
    });
  },
  close_before_bound: () => watch('server').close(),
  bind_twice: () => serving((server) => {
    attempt('server', () => server.bind(0));
    server.close();
  }),
  port_in_use: () => serving((server, port) => {
    const other = watch('other');
    other.on('error', () => { other.close(); server.close(); });
    other.bind(port, '127.0.0.1');
  }),
  bound_after_a_failure: () => serving((server, port) => {
    const other = watch('other');
    other.on('error', () => {
      other.bind(0, '127.0.0.1', () => {
        attempt('other', () => other.bind(0));
        other.send('hello', port, '127.0.0.1', sent('other', () => other.close()));
      });
    });
    server.on('message', () => server.close());
    other.bind(port, '127.0.0.1');
  }),
  sends_after_a_failure: () => serving((server, port) => {
    const other = watch('other');
    other.on('error', () => other.send('hello', port, '127.0.0.1', sent('other', () => other.close())));
    server.on('message', () => server.close());
    other.bind(port, '127.0.0.1');
  }),
  address_of_another_machine: () => {
    const server = watch('server');
    server.on('error', () => server.close());
    server.bind(0, '192.0.2.1');
  },
  impossible_ports: () => {
    const client = watch('client');
    attempt('client', () => client.send('hello'));
    attempt('client', () => client.send('hello', 0));
    attempt('client', () => client.send('hello', 65536));
    attempt('client', () => client.disconnect());
    attempt('client', () => client.remoteAddress());
    client.close();
  },
  connected: () => serving((server, port) => {
    const client = watch('client');
    server.on('message', (data, sender) => server.send('answer', sender.port, sender.address));
    client.on('message', () => { client.close(); server.close(); });
    client.connect(port, '127.0.0.1', () => {
      attempt('client', () => client.send(Buffer.from('hello'), 0, 5, port, '127.0.0.1'));
      attempt('client', () => client.connect(port));
      client.send('hello', sent('client'));
    });
    note('client', 'connect called');
  }),
  connected_hears_one_only: () => serving((server, port) => {
    const client = watch('client');
    const other = watch('other');
    client.on('message', () => { client.close(); server.close(); });
    client.connect(port, '127.0.0.1', () => {
      other.send('from another', client.address().port, '127.0.0.1', () => {
        other.close();
        server.send('from the peer', client.address().port, '127.0.0.1');
      });
    });
  }),
  disconnected_hears_all: () => serving((server, port) => {
    const client = watch('client');
    const other = watch('other');
    client.bind(0, '127.0.0.1', () => client.connect(port, '127.0.0.1', () => {
      client.disconnect();
      attempt('client', () => client.remoteAddress());
      client.on('message', () => { client.close(); server.close(); });
      server.on('message', (data, sender) => other.send('from another', sender.port, '127.0.0.1', () => other.close()));
      client.send('here I am', port, '127.0.0.1');
    }));
  }),
  refused: () => deserted((port) => {
    const client = watch('client');
    client.on('error', () => client.close());
    client.connect(port, '127.0.0.1', () => client.send('hello', sent('client')));
  }),
  refused_and_goes_on: () => deserted((port) => {
    const client = watch('client');
    client.once('error', () => client.on('error', () => client.close()) && client.send('again', sent('client')));
    client.connect(port, '127.0.0.1', () => client.send('hello', sent('client')));
  }),
  connect_to_unknown_name: () => {
    const client = watch('client');
    client.on('error', () => client.close());
    client.connect(9, 'no.such.host.invalid');
  },
};

process.on('exit', () => console.log(JSON.stringify(story)));
scenarios[process.argv[2]]();
