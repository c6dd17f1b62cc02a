/** The walls of src/README.md, read from the sources' own import lines. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('walls');

const sources = (folder: string): string[] =>
  readdirSync(folder, { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));

/** Everything a file imports, types too: repository paths without `.ts`, or package names. */
function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|import\s*\(?\s*['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => {
    const name = match[1] ?? match[2] ?? '';
    return name.startsWith('.') ? normalize(join(dirname(file), name)).replace(/\.ts$/, '') : name;
  });
}

/** What the files of a room may import; a name ending in / is a whole folder. */
const WALLS: Readonly<Record<string, readonly string[]>> = {
  'src/units': [],
  'src/errors': [],
  'src/format': [],
  'src/version': [],
  'src/nearest': [],
  'src/fields': ['src/errors', 'src/nearest'],
  'src/path': ['src/errors'],
  'src/machine': ['src/path', 'src/units'],
  'src/target': ['src/errors', 'src/path'],
  'src/stamps': ['src/machine'],
  'src/core': ['src/coremodule', 'src/coretold', 'src/errors', 'src/explain', 'src/stamps'],
  'src/coremodule': ['src/corebytes', 'src/errors'],
  'src/coretold': ['src/errors', 'src/stamps'],
  'src/explain': ['src/coretold', 'src/format'],
  'src/latch': [],
  'src/herald': ['src/ensemble', 'src/events', 'src/udp/udp'],
  'src/events': ['src/core', 'src/explain', 'src/format', 'src/latch', 'src/path'],
  'src/corebytes': ['build/core.wasm'],
  'src/bind': ['as-bind/dist/as-bind.esm.js', 'src/corebytes', 'src/errors'],
  'src/drive': ['src/machine', 'src/path', 'src/udp/udp', 'src/units'],
  'src/tracing': ['src/machine', 'src/path', 'src/paths/', 'src/units'],
  'src/ntptracing': ['src/ntp/client', 'src/path', 'src/paths/', 'src/tracing', 'src/units'],
  'src/ptptracing': ['src/path', 'src/paths/', 'src/ptp/', 'src/tracing', 'src/units'],
  'src/ensemble': ['src/core', 'src/errors', 'src/machine', 'src/path', 'src/units'],
  'src/status': [
    'src/core',
    'src/explain',
    'src/format',
    'src/ntp/client',
    'src/path',
    'src/units',
  ],
  'src/chrony': ['src/ensemble', 'src/units'],
  'src/doctor/': ['src/doctor/', 'src/format'],
  'src/closing': [],
  'src/reader': ['src/ensemble'],
  'src/now': ['src/core', 'src/udp/udp'],
  'src/ptpstatus': ['src/core', 'src/explain', 'src/path', 'src/ptp/', 'src/status', 'src/units'],
  'src/ntp/': ['src/units', 'src/errors', 'src/machine', 'src/path', 'src/ntp/'],
  'src/ptp/': ['src/units', 'src/errors', 'src/machine', 'src/path', 'src/ptp/'],
  'src/paths/': ['src/units', 'src/errors', 'src/path', 'src/paths/'],
  'src/responder/': [
    'build/responder.wasm',
    'src/errors',
    'src/machine',
    'src/ntp/',
    'src/responder/',
    'src/udp/',
    'src/units',
  ],
  'src/worker': ['src/responder/work', 'src/udp/thread'],
  'src/relay/': ['src/units', 'src/relay/'],
  'src/udp/': ['src/units', 'src/errors', 'src/machine', 'src/path', 'src/udp/', 'node:'],
  'src/capture/': ['src/path', 'src/capture/'],
  'src/check/': ['src/path', 'src/ptp/', 'src/capture/', 'src/check/'],
  'src/recording/': [
    'src/core',
    'src/ensemble',
    'src/errors',
    'src/events',
    'src/path',
    'src/recording/',
    'src/stamps',
    'msgpackr/pack',
    'msgpackr/unpack',
  ],
  'src/report/': [
    'src/core',
    'src/format',
    'src/recording/blocks',
    'src/recording/histogram',
    'src/recording/record',
    'src/recording/tally',
    'src/report/',
    'src/sim/',
  ],
  'src/sim/': [
    'src/errors',
    'src/fields',
    'src/nearest',
    'src/path',
    'src/recording/blocks',
    'src/recording/record',
    'src/recording/writer',
    'src/sim/',
    'src/stamps',
  ],
};

const isIn = (name: string, room: string): boolean =>
  room.endsWith('/') || room.endsWith(':') ? name.startsWith(room) : name === room;

test('every room imports only from the rooms below it', () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const file of sources('src')) {
    const name = file.replace(/\.ts$/, '');
    const wall = Object.entries(WALLS).find(([room]) => isIn(name, room));
    if (wall === undefined) continue;
    checked++;
    for (const target of imports(file)) {
      if (!wall[1].some((room) => isIn(target, room))) wrong.push(`${file} imports ${target}`);
    }
  }
  assert.ok(checked >= 30, `only ${checked} files were checked`);
  assert.equal(wrong, []);
});

test('NTP and PTP are there and do not know each other', () => {
  for (const [room, other] of [
    ['src/ntp/', 'src/ptp/'],
    ['src/ptp/', 'src/ntp/'],
  ] as const) {
    const files = sources(room);
    assert.ok(files.length >= 5, `only ${files.length} files in ${room}`);
    const wrong = files.filter((file) => imports(file).some((name) => isIn(name, other)));
    assert.equal(wrong, []);
  }
});

test('nothing but the command line imports the command line, and only it and tests the demo', () => {
  const wrong = sources('src')
    .filter((file) => !file.startsWith('src/cli/'))
    .flatMap((file) =>
      imports(file)
        .filter(
          (name) =>
            name.startsWith('src/cli/') ||
            (name.startsWith('src/demo/') && !file.startsWith('src/demo/')),
        )
        .map((name) => `${file} imports ${name}`),
    );
  assert.equal(wrong, []);
});

test('the core imports nothing from outside assembly', () => {
  const wrong = sources('assembly').flatMap((file) =>
    imports(file)
      .filter((name) => !name.startsWith('assembly/'))
      .map((name) => `${file} imports ${name}`),
  );
  assert.equal(wrong, []);
});

test('time, chance and the host come only through the host layer', () => {
  const forbidden =
    /\b(Date\.now|Math\.random|performance|process\.|setTimeout|setInterval|setImmediate|crypto\.|['"]node:)/;
  const wrong: string[] = [];
  for (const file of sources('src')) {
    if (/^src\/(udp|cli|demo)\//.test(file)) continue;
    const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
    const match = forbidden.exec(code);
    if (match !== null) wrong.push(`${file} uses ${match[0]}`);
  }
  assert.equal(wrong, []);
});

test('tests need nothing from the twin but the twin itself', () => {
  const wrong = sources('test/twin').flatMap((file) =>
    imports(file)
      .filter((name) => name.startsWith('src/') || name.startsWith('assembly/'))
      .map((name) => `${file} imports ${name}`),
  );
  assert.equal(wrong, []);
});

test('sources stay small: one subject a file', () => {
  const long = [...sources('src'), ...sources('assembly')]
    .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 700)
    .map(({ file, lines }) => `${file} has ${lines} lines`);
  assert.equal(long, []);
});

test.run();
