/**
 * Writes test/ENTERPRISE.md: every requirement of the Enterprise Profile (draft-01) with the tests
 * that name it, read from the tests. `npm run -s requirements`; with --check it only compares and
 * fails if the file is old.
 * A test names a requirement by its ID in its title, or in a range as EP-034…EP-038.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const FILE = 'test/ENTERPRISE.md';
const requirements = JSON.parse(readFileSync('test/enterprise.json', 'utf8'));
const ids = requirements.map(({ id }) => id);

const tests = readdirSync('test', { recursive: true })
  .map((file) => String(file).replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.test.ts'))
  .sort();

/** The string literals of a file: a small scanner that knows comments, quotes and templates. */
function* literals(code) {
  for (let at = 0; at < code.length; at++) {
    const two = code.slice(at, at + 2);
    if (two === '//') at = end(code, '\n', at);
    else if (two === '/*') at = end(code, '*/', at + 2);
    else if ('\'"`'.includes(code[at])) {
      const close = closing(code, at);
      if (close < 0) continue; // a quote in a regular expression
      yield code.slice(at + 1, close);
      at = close;
    }
  }
}

function end(code, mark, from) {
  const found = code.indexOf(mark, from);
  return found < 0 ? code.length : found + mark.length - 1;
}

/** Where the literal that begins at `at` ends, -1 if it does not. */
function closing(code, at) {
  let depth = 0;
  for (let n = at + 1; n < code.length; n++) {
    if (code[n] === '\\') n++;
    else if (code[at] === '`' && code.startsWith('${', n)) depth++;
    else if (depth > 0 && code[n] === '}') depth--;
    else if (depth === 0 && code[n] === code[at]) return n;
    else if (code[n] === '\n' && code[at] !== '`') return -1;
  }
  return -1;
}

/** IDs in the string literals of a file: titles of tests. */
function named(file) {
  const found = new Set();
  for (const literal of literals(readFileSync(join('test', file), 'utf8'))) {
    for (const [, from, , to = from] of literal.matchAll(/(EP-\d{3})(…|\.\.\.)?(EP-\d{3})?/g)) {
      for (const id of ids) if (id >= from && id <= to) found.add(id);
    }
  }
  return found;
}

/** The linter's tests show that a violation is found, not that there is none. */
const isOfLinter = (file) => file.startsWith('check/') || file.startsWith('cli/check');
const byFile = tests.map((file) => ({ file, found: named(file) }));
const rules = new Set(readFileSync('src/check/rules.ts', 'utf8').match(/EP-\d{3}/g));

const rows = requirements.map(({ id, section, strength, who, text }) => {
  const files = byFile.filter(({ found }) => found.has(id)).map(({ file }) => file);
  const own = files.filter((file) => !isOfLinter(file));
  const state = own.length > 0 ? 'tested' : who === 'H' ? 'no matter of code' : 'no test';
  const links = own.map((file) => `[${file.replace(/(\.node)?\.test\.ts$/, '')}](${file})`);
  const cells = [id, section, strength, who, text, state, links.join(', ') || '—'];
  return { state, line: `| ${[...cells, rules.has(id) ? 'yes' : '—'].join(' | ')} |` };
});

const count = (state) => rows.filter((row) => row.state === state).length;
const text = `# Enterprise Profile, requirement by requirement

draft-ietf-tictoc-ptp-enterprise-profile-01 in our own words. Made from the tests' titles by
\`npm run -s requirements\`; do not edit. Who: M master, S slave, BC boundary clock, TC transparent clock,
A all, H for people. The last column: \`clockbraid check\` finds violations of it in traffic or captures.

${count('tested')} of ${rows.length} are tested, ${count('no matter of code')} are no matter of code, ${count('no test')} have no test that names them.

| ID | section | strength | who | requirement | state | tests | check |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map(({ line }) => line).join('\n')}
`;

if (process.argv.includes('--check')) {
  let old = '';
  try {
    old = readFileSync(FILE, 'utf8');
  } catch {
    // none yet
  }
  if (old !== text) {
    console.error(`${FILE} is old: npm run -s requirements`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, text);
  console.log(`${FILE}: ${count('tested')} tested, ${count('no test')} without a test`);
}
