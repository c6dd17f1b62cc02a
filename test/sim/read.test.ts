/** Scenarios as users write them: TOML in, the same world as by name; mistakes in one sentence. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readToml } from '../../src/cli/toml.ts';
import { ConfigError } from '../../src/errors.ts';
import { namedScenario } from '../../src/sim/named.ts';
import { readScenario } from '../../src/sim/read.ts';

const test = suite('sim read');

const read = (text: string) => readScenario(readToml(text, 'a.toml'), 'a.toml');
const { POSITIVE_INFINITY } = Number;

test('D2 in TOML is D2 by name', () => {
  const { name, title, ...rest } = read(`
    settle = 3600
    [[path]]
    count = 5
    [[event]]
    kind = "attack"
    paths = [1, 2]
    from = 7200
    by = 10e-3`);
  const { name: _, title: __, ...wanted } = namedScenario('D2', 5);
  assert.equal(rest, wanted);
  assert.is(name, 'a.toml');
  assert.is(title, '');
});

test('everything that the language has is read', () => {
  const scenario = read(`
    name = "lab"
    title = "all of it"
    seconds = 100
    poll = 0.5
    hold = 1e-3
    stagger = false
    [clock]
    offset = -3
    frequency = -2e-6
    wander = 0
    step = [{ at = 50, by = 1 }]
    [[segment]]
    name = "up"
    queue = { law = "correlated", mean = 1e-3, time = 30 }
    [[path]]
    base = 1e-3
    noise = 0
    loss = 0.5
    queue = [{ law = "lomax", scale = 1e-4, shape = 2 }, { law = "gauss", sd = 1e-6 }]
    segments = ["up"]
    [path.forward]
    base = 2e-3
    queue = { law = "erlang", mean = 1e-3, stages = 4 }
    segments = []
    [[path]]
    every = 8
    queue = { law = "none" }
    [[path]]
    queue = { law = "lognormal", median = 1e-3, sigma = 0.5 }
    [[event]]
    kind = "congestion"
    paths = [2, 3]
    direction = "both"
    from = 10
    to = 20
    by = 1e-3
    ramp = 1e-4
    random = 2e-3
    share = 0.5
    hop = 3
    [[event]]
    kind = "outage"
    paths = [3]
    from = 90`);
  assert.equal(scenario.clock, {
    ...{ offsetS: -3, frequency: -2e-6, wander: 0 },
    steps: [{ atS: 50, byS: 1 }],
  });
  assert.is(scenario.name, 'lab');
  assert.is(scenario.pollS, 0.5);
  assert.is(scenario.settleS, 20);
  assert.is(scenario.stagger, false);
  assert.is(scenario.holdS, 1e-3);
  const up = { law: 'correlated', meanS: 1e-3, timeS: 30 };
  assert.equal(scenario.segments, [{ name: 'up', queue: up }]);
  const common = { noiseS: 0, loss: 0.5 };
  assert.equal(scenario.paths[0], {
    forward: {
      ...common,
      ...{ baseS: 2e-3, queues: [{ law: 'erlang', meanS: 1e-3, stages: 4 }], segments: [] },
    },
    reverse: {
      ...common,
      baseS: 1e-3,
      queues: [
        { law: 'lomax', scaleS: 1e-4, shape: 2 },
        { law: 'gauss', sdS: 1e-6 },
      ],
      segments: ['up'],
    },
  });
  assert.is(scenario.paths[1]?.every, 8);
  assert.equal(scenario.paths[1]?.forward.queues, [{ law: 'none' }]);
  const lognormal = { law: 'lognormal', medianS: 1e-3, sigma: 0.5 };
  assert.equal(scenario.paths[2]?.reverse.queues, [lognormal]);
  assert.equal(scenario.events, [
    {
      ...{ kind: 'congestion', paths: [2, 3], direction: 'both', fromS: 10, toS: 20 },
      ...{ byS: 1e-3, ramp: 1e-4, randomS: 2e-3, share: 0.5, hopS: 3 },
    },
    {
      ...{ kind: 'outage', paths: [3], direction: 'both', fromS: 90, toS: POSITIVE_INFINITY },
      ...{ byS: 0, ramp: 0, randomS: 0, share: 1, hopS: 0 },
    },
  ]);
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ['', /path.*1\.\.256 paths.*got 0/],
  ['[[path]]\ncount = 257', /path\.0\.count.*1\.\.256.*257/],
  ['[[path]]\n[path.forwards]', /"forward" perhaps/],
  ['[[path]]\nqueue = { mean = 1 }', /path\.0\.queue\.law/],
  ['[[path]]\nqueue = { law = "exp" }', /path\.0\.queue\.mean.*a number, got "nothing"/],
  ['[[path]]\nqueue = { law = "exp", mean = -1 }', /0\.\.1000, got -1/],
  ['[[path]]\nqueue = { law = "exp", mean = nan }', /a number/],
  ['[[path]]\nqueue = { law = "exp", median = 1 }', /a known key/],
  ['[[path]]\nqueue = { law = "pareto" }', /one of none, exp/],
  ['[[path]]\nsegments = ["x"]', /path\.0\.segments/],
  ['[[path]]\nloss = 2', /0\.\.1, got 2/],
  ['[[path]]\n[[event]]\nby = 1', /event\.0\.kind/],
  ['[[path]]\n[[event]]\nkind = "atack"', /one of attack/],
  ['[[path]]\n[[event]]\nkind = "attack"\npaths = [2]', /path numbers 1\.\.1, got \[2\]/],
  ['[[path]]\n[[event]]\nkind = "attack"\nby = -1', /event\.0\.by.*got -1/],
  ['[[path]]\n[[event]]\nkind = "attack"\nfrom = 5\nto = 4', /a time after 5/],
  ['seconds = 1e7\n[[path]]', /seconds.*got 10000000/],
  ['seconds = "long"\n[[path]]', /seconds.*got "long"/],
  ['[clock]\nskew = 1\n[[path]]', /clock\.skew/],
  ['[[path]\n', /a\.toml:1:/],
];

for (const [text, message] of BAD) {
  test(`refuses ${JSON.stringify(text)} in one sentence`, () => {
    assert.throws(
      () => read(text),
      (error: Error) =>
        error instanceof ConfigError &&
        message.test(error.message) &&
        !error.message.includes('\n'),
    );
  });
}

test.run();
