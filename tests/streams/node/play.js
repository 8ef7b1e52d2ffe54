// Plays scenarios on Node's own streams: each line of stdin is one scenario, each line of stdout its story.
// Rule: does what Play in tests/streams/memory.py does, verb by verb; a turn is one setImmediate.
'use strict';
const {Duplex} = require('stream');
const readline = require('readline');

const CAST = ['a', 'b', 'c'];
const TURNS = 4;
const flags = (...values) => values.map(String).join(' ');

const play = ({scenario, mark}, done) => {
  const story = {};
  const streams = {};
  const listening = {};
  const note = (where, what) => story[where].push(what);
  const heard = (who, data) => {
    const text = typeof data === 'string' ? 'text ' + data : 'data ' + data.toString('latin1');
    const list = story[who + '.read'];
    const last = list[list.length - 1];
    if (last !== undefined && last.split(' ')[0] === text.split(' ')[0]) list[list.length - 1] += text.slice(5);
    else list.push(text);
  };
  for (const who of CAST) {
    story[who + '.read'] = [];
    story[who + '.write'] = [];
    const taking = (chunk, done) => {
      if (stream.stuck) {
        stream.kept = done;
        return;
      }
      note(who + '.write', 'takes ' + chunk.toString('latin1'));
      done();
    };
    const stream = new Duplex({
      highWaterMark: mark,
      read() {},
      write(chunk, encoding, done) { taking(chunk, done); },
      writev(chunks, done) { taking(Buffer.concat(chunks.map((each) => each.chunk)), done); },
    });
    streams[who] = stream;
    for (const [side, events] of [['read', ['end']], ['write', ['drain', 'finish']]]) {
      for (const event of events) stream.on(event, () => note(`${who}.${side}`, event));
      stream.on('error', (error) => note(`${who}.${side}`, 'error ' + error.code));
      stream.on('close', () => note(`${who}.${side}`, 'close'));
    }
  }
  const act = (who, verb, ...args) => {
    const stream = streams[who];
    const raw = args.map((each) => typeof each === 'string' ? Buffer.from(each, 'latin1') : each);
    const verbs = {
      push: () => stream.push(raw[0]),
      eof: () => stream.push(null),
      listen: () => {
        if (listening[who]) return;  // two listeners would take turns piece by piece
        listening[who] = (data) => heard(who, data); stream.on('data', listening[who]);
      },
      unlisten: () => {
        if (listening[who]) stream.off('data', listening[who]);
        delete listening[who];
      },
      pipe: () => stream.pipe(streams[args[0]], {end: args[1]}),
      unpipe: () => stream.unpipe(streams[args[0]]),
      when: () => stream.once(args[0], () => args[1].forEach((each) => act(...each))),
      stick: () => { stream.stuck = true; },
      release: () => {
        stream.stuck = false;
        const done = stream.kept;
        stream.kept = undefined;
        if (done) done();
      },
      destroy: () => {
        if (args.length) stream.destroy(Object.assign(new Error('enough'), {code: args[0]}));
        else stream.destroy();
      },
      encoding: () => stream.setEncoding(args[0]),
      unshift_text: () => stream.unshift(args[0]),
      write: () => note(who + '.write', 'wrote ' + (stream.write(raw[0]) === true)),
      facts: () => {
        if (stream.closed) {
          note(who + '.read', 'closed');
          note(who + '.write', 'closed ' + stream.writableFinished);
          return;
        }
        // After the end nothing flows, whatever Node says of it: that depends on the pipes there were.
        const flowing = stream.readableFlowing === null ? 'none' : stream.readableFlowing;
        note(who + '.read', stream.readableEnded ? 'over' : 'flowing ' + flowing);
        note(who + '.write', flags(stream.writableLength, stream.writableCorked, stream.writableEnded,
          stream.writableFinished));
      },
    };
    if (verbs[verb]) verbs[verb]();
    else stream[verb](...raw);
  };
  const run = () => {
    if (!scenario.length) return done(story);
    scenario.shift().forEach((each) => act(...each));
    const turn = (left) => left ? setImmediate(turn, left - 1) : run();
    turn(TURNS);
  };
  run();
};

const waiting = [];
let busy = false;
const next = () => {
  if (busy || !waiting.length) return;
  busy = true;
  play(waiting.shift(), (story) => {
    console.log(JSON.stringify(story));
    busy = false;
    next();
  });
};
readline.createInterface({input: process.stdin}).on('line', (line) => { waiting.push(JSON.parse(line)); next(); });
