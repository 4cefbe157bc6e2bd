//! The commands that read traces: no rights, no kernel.
