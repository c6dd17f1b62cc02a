export async function describeCore(
  _b?: Uint8Array,
): Promise<{
  abiVersion: number;
  maxPaths: number;
  maxBatch: number;
  simd: boolean;
  combiners: string[];
  states: string[];
  statuses: string[];
}> {
  return {
    abiVersion: 1,
    maxPaths: 64,
    maxBatch: 2048,
    simd: true,
    combiners: [],
    states: [],
    statuses: [],
  };
}
