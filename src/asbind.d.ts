/** The part of as-bind 0.8.2 used here; its own types say `any` (and the wrong names). */
declare module 'as-bind/dist/as-bind.esm.js' {
  /** Compiles the bytes and wraps every export by the module's type section. */
  export function instantiate(
    bytes: Uint8Array,
    imports: Record<string, never>,
  ): Promise<{ readonly exports: unknown }>;
}
