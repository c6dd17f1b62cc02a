import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/cli/config.ts';
import { ConfigError } from '../../src/errors.ts';

const test = suite('config');

test('two addresses times two local addresses are four pairs', () => {
  const { client } = readConfig(
    `[[source]]
     addresses = ["192.0.2.1", "192.0.2.2"]
     port = 11123
     local-addresses = ["198.51.100.7", "203.0.113.9"]
     [poll]
     min = 0
     budget = "per-path"
     [combiner]
     kind = "rfc5905"
     [output]
     record = "x.cbr"`,
    'a.toml',
  );
  assert.equal(client.pairs, [
    { server: '192.0.2.1:11123', local: '198.51.100.7' },
    { server: '192.0.2.1:11123', local: '203.0.113.9' },
    { server: '192.0.2.2:11123', local: '198.51.100.7' },
    { server: '192.0.2.2:11123', local: '203.0.113.9' },
  ]);
  assert.is(client.combiner, 'rfc5905');
  assert.is(client.minPollLog2S, 0);
  assert.is(client.maxPollLog2S, 10);
});

test('paths may be given one by one', () => {
  const { client } = readConfig(
    `[[source]]
     address = "ntp.example.net"
     [[source.path]]
     local-address = "198.51.100.7"
     [[source.path]]
     remote-address = "192.0.2.9"
     local-address = "203.0.113.9"`,
    'a.toml',
  );
  assert.equal(client.pairs, [
    { server: 'ntp.example.net:123', local: '198.51.100.7' },
    { server: '192.0.2.9:123', local: '203.0.113.9' },
  ]);
});

test('output may be a recording and a chronyd', () => {
  const read = (text: string) => readConfig(`[[source]]\naddress = "a"\n${text}`, 'a.toml');
  const both = read('[output]\nrecord = "x.cbr"\nchrony = "/run/mpts.sock"');
  assert.is(both.record, 'x.cbr');
  assert.is(both.chrony, '/run/mpts.sock');
  assert.is(read('').chrony, undefined);
  assert.throws(
    () => read('[output]\nchrony = 1'),
    (error: unknown) => error instanceof ConfigError && /output\.chrony/.test(error.message),
  );
});

test('interleaved mode is asked for by source or by path', () => {
  const read = (text: string) => readConfig(text, 'a.toml').client;
  const plain = read('[[source]]\naddress = "a"\ninterleaved = true\n[[source]]\naddress = "b"');
  assert.equal(plain.pairs, [{ server: 'a:123', interleaved: true }]);
  assert.equal(plain.servers, ['b:123']);
  const one = `[[source]]
    address = "a"
    interleaved = true
    local-addresses = ["198.51.100.7"]
    [[source.path]]
    local-address = "198.51.100.8"
    [[source.path]]
    local-address = "198.51.100.9"
    interleaved = false`;
  assert.equal(read(one).pairs, [
    { server: 'a:123', local: '198.51.100.8', interleaved: true },
    { server: 'a:123', local: '198.51.100.9' },
    { server: 'a:123', local: '198.51.100.7', interleaved: true },
  ]);
});

test('several ports per pair are asked for by source or by path', () => {
  const read = (text: string) => readConfig(text, 'a.toml').client;
  const plain = read('[[source]]\naddress = "a"\nports = 8\n[[source]]\naddress = "b"\nports = 1');
  assert.equal(plain.pairs, [{ server: 'a:123', ports: 8 }]);
  assert.equal(plain.servers, ['b:123']);
  const one = `[[source]]
    address = "a"
    ports = 4
    interleaved = true
    local-addresses = ["198.51.100.7"]
    [[source.path]]
    local-address = "198.51.100.8"
    ports = 1`;
  assert.equal(read(one).pairs, [
    { server: 'a:123', local: '198.51.100.8', interleaved: true },
    { server: 'a:123', local: '198.51.100.7', interleaved: true, ports: 4 },
  ]);
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ['', /source.*at least one/],
  ['x = 1', /a known key/],
  ['[[source]]\nadress = "a"', /"address" perhaps/],
  ['[[source]]\naddress = 3', /source\.0\.address.*a text, got 3/],
  ['[[source]]\nport = 5', /source\.0\.address/],
  ['[[source]]\naddress = "a"\n[poll]\nmin = 99', /poll\.min.*-4\.\.17.*99/],
  ['[[source]]\naddress = "a"\n[combiner]\nkind = "kalmann"', /one of kalman/],
  ['[[source]]\naddress = "a"\ninterleaved = 1', /source\.0\.interleaved.*true or false/],
  ['[[source]]\naddress = "a"\nports = 65', /source\.0\.ports.*1\.\.64.*65/],
  ['[[source]]\naddress = "a"\nports = "40000-40031"', /source\.0\.ports/],
  ['[[source]\n', /a\.toml:1:/],
  ['[[source]]\naddress = "a b"', /host name or IP/],
  ['[[source]]\naddress = "a"\n[[source.path]]\nname = "x"', /local-address/],
];

for (const [text, message] of BAD) {
  test(`refuses ${JSON.stringify(text)} in one sentence`, () => {
    assert.throws(
      () => readConfig(text, 'a.toml'),
      (error: Error) =>
        error instanceof ConfigError &&
        message.test(error.message) &&
        !error.message.includes('\n'),
    );
  });
}

test('discovery is off unless its table is there; keys in units of people', () => {
  const read = (text: string) => readConfig(`[[source]]\naddress = "a"\n${text}`, 'a.toml').client;
  assert.is(read('').discovery, undefined);
  assert.equal(read('[discovery]').discovery, {
    periodS: 900,
    probesPerS: 5,
    keep: null,
    answers: 1,
    maxHops: 30,
    role: 'slave',
    symmetric: false,
  });
  assert.is(read('[discovery]\nkeep = 3\nperiod = 60').discovery?.keep, 3);
  for (const [line, field] of [
    ['period = 1', 'a.toml: discovery.period'],
    ['keep = 0', 'a.toml: discovery.keep'],
    ['rate = 1000', 'a.toml: discovery.rate'],
    ['symmetric = 1', 'a.toml: discovery.symmetric'],
    ['perod = 60', 'a.toml: discovery.perod'],
  ] as const) {
    assert.throws(
      () => read(`[discovery]\n${line}`),
      (error: unknown) => error instanceof ConfigError && error.field === field,
    );
  }
});

test('with discovery, several sources are named, so that none is stopped for another', () => {
  const two =
    '[[source]]\naddress = "a"\n[[source]]\naddress = "b"\nlocal-addresses = ["10.0.0.1"]\n';
  const { servers, pairs } = readConfig(`${two}[discovery]`, 'a.toml').client;
  assert.equal(servers, []);
  assert.equal(pairs, [
    { server: 'a:123', source: 'source.0' },
    { server: 'b:123', local: '10.0.0.1', source: 'source.1' },
  ]);
  assert.equal(readConfig(two, 'a.toml').client.servers, ['a:123']);
});

test.run();
