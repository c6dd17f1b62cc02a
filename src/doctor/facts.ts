/** What `clockbraid doctor` looks at. Null: could not be found out. */

export interface Facts {
  /** Unix time of the look (s). */
  readonly nowUnixS: number;
  readonly platform: string;
  readonly clock: {
    /** Least difference of two readings, and what a reading takes (ns). */
    readonly stepNs: number;
    readonly readNs: number;
    /** The kernel's clock source, e.g. `tsc`. */
    readonly source: string | null;
  };
  readonly stamps: {
    /** Name of the host that `--stamps auto` takes. */
    readonly host: string;
    /** Why the kernel's stamps do not work, one sentence; null: they do. */
    readonly whyPlain: string | null;
    /** PTP hardware clocks of this machine, e.g. `ptp0`. */
    readonly hardware: readonly string[] | null;
  };
  readonly ports: readonly PortFact[];
  /** May open whole interfaces (CAP_NET_RAW). */
  readonly canCapture: boolean | null;
  readonly daemons: readonly Daemon[] | null;
  readonly leap: LeapFact;
  /** net.ipv4.fib_multipath_hash_policy, net.ipv6.fib_multipath_hash_policy. */
  readonly hashPolicy: { readonly ipv4: number | null; readonly ipv6: number | null };
  readonly buffers: {
    /** net.core.rmem_default and rmem_max (bytes). */
    readonly usualBytes: number | null;
    readonly mostBytes: number | null;
    /** UDP datagrams lost for want of buffer since the start of the system or network namespace. */
    readonly lost: number | null;
  };
}

export interface PortFact {
  readonly port: number;
  /** Error of a bind on all addresses; null: it can be had. */
  readonly code: string | null;
}

/** A program that has to do with time. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** As far as its name and arguments tell. */
  readonly steers: boolean;
}

export interface LeapFact {
  /** There may be a list, but it may not be looked at. */
  readonly isHidden: boolean;
  readonly file: string | null;
  readonly expiresUnixS: number | null;
  /** Why a list that is there is no good, one sentence. */
  readonly problem: string | null;
}
