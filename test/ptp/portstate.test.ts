import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  eventOfDecision,
  nextPortState,
  PORT_STATE_CODE,
  PORT_TABLE,
  type PortEvent,
  type PortState,
  qualificationIntervals,
  SLAVE_ONLY_TABLE,
} from '../../src/ptp/portstate.ts';

const test = suite('ptp port state');

/** The machines once more, by hand: states down, events across, a dot for what cannot happen. */
const SHORT: Readonly<Record<string, PortState>> = {
  INIT: 'INITIALIZING',
  FLTY: 'FAULTY',
  DISA: 'DISABLED',
  LIST: 'LISTENING',
  PREM: 'PRE_MASTER',
  MAST: 'MASTER',
  PASS: 'PASSIVE',
  UNCA: 'UNCALIBRATED',
  SLAV: 'SLAVE',
};
const EVENTS: readonly PortEvent[] = [
  'initialize',
  'initialized',
  'designated-enabled',
  'designated-disabled',
  'fault-detected',
  'fault-cleared',
  'qualification-timeout',
  'announce-receipt-timeout',
  'synchronization-fault',
  'master-clock-selected',
  'recommended-grandmaster',
  'recommended-master',
  'recommended-slave',
  'recommended-slave-new',
  'recommended-passive',
];
// state  init  ready enab  disab fault clear qual  anno  sync  lock  M1/M2 M3    S1    S1new P
const ANY_CLOCK = `
  INIT   INIT  LIST  .     DISA  FLTY  .     .     .     .     .     .     .     .     .     .
  FLTY   INIT  .     .     DISA  FLTY  INIT  .     .     .     .     .     .     .     .     .
  DISA   INIT  .     INIT  DISA  .     .     .     .     .     .     .     .     .     .     .
  LIST   INIT  .     .     DISA  FLTY  .     .     MAST  .     .     MAST  PREM  UNCA  UNCA  PASS
  PREM   INIT  .     .     DISA  FLTY  .     MAST  .     .     .     PREM  PREM  UNCA  UNCA  PASS
  MAST   INIT  .     .     DISA  FLTY  .     .     .     .     .     MAST  MAST  UNCA  UNCA  PASS
  PASS   INIT  .     .     DISA  FLTY  .     .     MAST  .     .     MAST  PREM  UNCA  UNCA  PASS
  UNCA   INIT  .     .     DISA  FLTY  .     .     MAST  UNCA  SLAV  MAST  PREM  UNCA  UNCA  PASS
  SLAV   INIT  .     .     DISA  FLTY  .     .     MAST  UNCA  SLAV  MAST  PREM  SLAV  UNCA  PASS
`;
const SLAVE_ONLY = `
  INIT   INIT  LIST  .     DISA  FLTY  .     .     .     .     .     .     .     .     .     .
  FLTY   INIT  .     .     DISA  FLTY  INIT  .     .     .     .     .     .     .     .     .
  DISA   INIT  .     INIT  DISA  .     .     .     .     .     .     .     .     .     .     .
  LIST   INIT  .     .     DISA  FLTY  .     .     LIST  .     .     LIST  LIST  UNCA  UNCA  LIST
  PREM   INIT  .     .     .     .     .     .     .     .     .     .     .     .     .     .
  MAST   INIT  .     .     .     .     .     .     .     .     .     .     .     .     .     .
  PASS   INIT  .     .     .     .     .     .     .     .     .     .     .     .     .     .
  UNCA   INIT  .     .     DISA  FLTY  .     .     LIST  UNCA  SLAV  LIST  LIST  UNCA  UNCA  LIST
  SLAV   INIT  .     .     DISA  FLTY  .     .     LIST  UNCA  SLAV  LIST  LIST  SLAV  UNCA  LIST
`;

for (const [name, table, text] of [
  ['any clock', PORT_TABLE, ANY_CLOCK],
  ['slave-only clock', SLAVE_ONLY_TABLE, SLAVE_ONLY],
] as const) {
  test(`${name}: all 9 × 15 pairs are as the list says (BASE-B3)`, () => {
    const rows = text.trim().split('\n');
    assert.is(rows.length, 9);
    for (const row of rows) {
      const [from = '', ...cells] = row.trim().split(/ +/);
      assert.is(cells.length, EVENTS.length, row);
      EVENTS.forEach((event, column) => {
        const wanted = SHORT[cells[column] ?? ''] ?? null;
        const state = SHORT[from];
        if (state === undefined) throw new Error(`no state ${from}`);
        assert.is(nextPortState(table, state, event), wanted, `${state}, ${event}`);
      });
    }
  });

  test(`${name}: the table knows no event that the list does not`, () => {
    for (const [state, row] of Object.entries(table)) {
      assert.ok(state in PORT_STATE_CODE);
      for (const event of Object.keys(row))
        assert.ok(
          EVENTS.some((known) => known === event),
          event,
        );
    }
  });
}

/** All states that events lead to from power-up. */
function reachable(table: typeof PORT_TABLE): Set<PortState> {
  const seen = new Set<PortState>(['INITIALIZING']);
  for (const state of seen) {
    for (const event of EVENTS) {
      const next = nextPortState(table, state, event);
      if (next !== null) seen.add(next);
    }
  }
  return seen;
}

test('a slave-only clock reaches no state of a master (BASE-B3, PTP-S17)', () => {
  assert.equal([...reachable(SLAVE_ONLY_TABLE)].sort(), [
    'DISABLED',
    'FAULTY',
    'INITIALIZING',
    'LISTENING',
    'SLAVE',
    'UNCALIBRATED',
  ]);
  assert.is(reachable(PORT_TABLE).size, 9);
});

test('from every state a clock can get back to where it listens', () => {
  for (const table of [PORT_TABLE, SLAVE_ONLY_TABLE]) {
    for (const state of Object.keys(PORT_STATE_CODE) as PortState[]) {
      const begun = nextPortState(table, state, 'initialize');
      assert.is(begun && nextPortState(table, begun, 'initialized'), 'LISTENING', state);
    }
  }
});

test('codes are those of management messages (WIRE §2.8)', () => {
  const names =
    'INITIALIZING FAULTY DISABLED LISTENING PRE_MASTER MASTER PASSIVE UNCALIBRATED SLAVE';
  names.split(' ').forEach((name, at) => {
    assert.is(PORT_STATE_CODE[name as PortState], at + 1, name);
  });
});

test('a decision becomes the event of its state; a new parent is another event', () => {
  const events = (isNew: boolean) =>
    (['M1', 'M2', 'M3', 'P1', 'P2', 'S1'] as const).map((code) => eventOfDecision(code, isNew));
  assert.equal(events(false), [
    'recommended-grandmaster',
    'recommended-grandmaster',
    'recommended-master',
    'recommended-passive',
    'recommended-passive',
    'recommended-slave',
  ]);
  assert.equal(events(true).slice(0, 5), events(false).slice(0, 5));
  assert.is(events(true)[5], 'recommended-slave-new');
});

test('only a master below a boundary clock waits, one interval and one per step (BASE-B3)', () => {
  assert.is(qualificationIntervals('M1', 3), 0);
  assert.is(qualificationIntervals('M2', 3), 0);
  assert.is(qualificationIntervals('M3', 0), 1);
  assert.is(qualificationIntervals('M3', 3), 4);
});

test.run();
