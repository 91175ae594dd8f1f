//! Kernels, shaders, engines: the rungs of the ladder below the method.

mod backbones;
mod checks;
mod golden;
mod gpu_failures;
mod gradients;
mod parity;
mod reference;
mod scans;
mod shaders;
mod startup;
mod turns;
