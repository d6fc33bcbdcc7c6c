//! Rigs: what the rows with real kernels need. Where one cannot be had, its rows say so.

pub(crate) mod cgroup;
