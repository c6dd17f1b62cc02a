/** The responder's bytes, inlined by esbuild so that no file is needed at run time. */
export { default as responderBytes } from '../../build/responder.wasm';
