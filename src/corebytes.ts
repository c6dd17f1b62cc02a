/** The core's bytes, inlined by esbuild so that no file or fetch is needed at run time. */
export { default as coreBytes } from '../build/core.wasm';
