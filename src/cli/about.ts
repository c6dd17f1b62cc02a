/** `clockbraid about`: versions and what the core says of itself (through as-bind). */
import { describeCore } from '../bind.ts';
import { coreBytes } from '../corebytes.ts';
import { chooseHost } from '../udp/choose.ts';
import { VERSION } from '../version.ts';
import type { Command } from './args.ts';
import { runtimeName } from './recordfile.ts';

export const aboutCommand: Command = {
  name: 'about',
  summary: 'print versions, the core and its limits',
  usage: '[--json]',
  positionals: { least: 0, most: 0, name: '' },
  options: { json: { type: 'boolean', help: 'as JSON' } },
  async run(args, io) {
    const core = await describeCore(coreBytes);
    const host = chooseHost();
    const about = {
      version: VERSION,
      runtime: runtimeName(),
      host: host.name,
      whyPlain: host.whyPlain ?? null,
      core: { bytes: coreBytes.length, ...core },
    };
    if (args.flag('json')) {
      await io.out(`${JSON.stringify({ about })}\n`);
      return 0;
    }
    await io.out(`clockbraid ${about.version} on ${about.runtime}, UDP by ${about.host}${about.whyPlain === null ? '' : ` (${about.whyPlain})`}
core: ABI ${core.abiVersion}, ${coreBytes.length} bytes${core.simd ? ', SIMD' : ''}, up to ${core.maxPaths} paths
combiners: ${core.combiners.join(', ')}
`);
    return 0;
  },
};
