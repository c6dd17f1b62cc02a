// tsc wants these two with noLib; the compiler itself has no use for them.
interface CallableFunction extends Function {}
interface NewableFunction extends Function {}
