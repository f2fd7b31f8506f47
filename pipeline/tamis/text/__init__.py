"""Pure text functions and kernels: no I/O, no configuration."""
