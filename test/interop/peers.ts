/** Stock peers in a lab, each in a folder of its own and with no way to touch the clock. */
export * from './chrony.ts';
export { type ClientOptions, type Peer, type ServerOptions, settled } from './daemon.ts';
export * from './ntpsec.ts';
