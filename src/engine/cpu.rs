//! The CPU engine: the same plans, run call by call on a thread pool.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::timing::{Times, Timing};
use super::{Engine, EngineError, LoadStats, Options};
use crate::graph::{Access, AnyStep, Args, Call, PlanId, Program, Tensor};
use crate::kernels::{Floats, Isa};

/// Runs plans on the CPU with the kernels' fast forms, or their references.
///
/// Work is split by image rows and fixed chunks, never by thread: any number of
/// threads gives the same bits.
pub struct CpuEngine {
    program: Arc<Program>,
    buffers: Vec<Floats>,
    log: Vec<f32>,
    pool: Arc<rayon::ThreadPool>,
    isa: Isa,
    fast: bool,
    options: Options,
    /// With [`Options::profile`].
    times: Option<Times>,
}

impl CpuEngine {
    /// Loads a program. `threads` 0 takes all cores.
    ///
    /// # Errors
    /// [`EngineError::Threads`] if the pool does not start.
    pub fn load(program: Arc<Program>, threads: usize, options: Options) -> Result<Self, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|e| EngineError::Threads { threads, reason: e.to_string() })?;
        let buffers = program.buffers().iter().map(|len| Floats::zeros(*len)).collect();
        let times = options.profile.then(|| Times::new(&program));
        let pool = Arc::new(pool);
        Ok(Self { program, buffers, log: Vec::new(), pool, isa: Isa::best(), fast: true, options, times })
    }

    /// The same engine compiled for another instruction set, which the machine must have.
    pub fn with_isa(mut self, isa: Isa) -> Self {
        assert!(Isa::available().contains(&isa), "{isa:?} is not available here");
        self.isa = isa;
        self
    }

    /// The same engine on the references instead of the fast forms: slow.
    pub fn textbook(mut self) -> Self {
        self.fast = false;
        self
    }

    /// Runs one call on the current thread pool.
    fn call(&mut self, call: &Call, step: &[u8]) {
        // Written buffers leave the table while the call runs, so that it can hold
        // them mutably beside the read ones; the checks forbid a buffer on both sides.
        let places: Vec<_> = call.args.iter().map(|t| t.map(|t| (t.shape(), self.program.place(t)))).collect();
        let mut taken: Vec<Option<Floats>> = call
            .kernel
            .args
            .iter()
            .zip(&places)
            .map(|(arg, place)| match place {
                Some((_, (buffer, _))) if arg.access != Access::Read => {
                    Some(std::mem::take(&mut self.buffers[*buffer]))
                }
                _ => None,
            })
            .collect();
        let mut args = Args::new(&call.params, step).on(self.isa.level());
        for ((arg, place), taken) in call.kernel.args.iter().zip(&places).zip(&mut taken) {
            match (place, taken) {
                (None, _) => args.push_absent(),
                (Some((shape, (_, range))), Some(buffer)) => {
                    let data = &mut buffer[range.clone()];
                    if self.options.poison && arg.access == Access::Write {
                        data.fill(f32::NAN);
                    }
                    args.push_write(*shape, data);
                }
                (Some((shape, (buffer, range))), None) => args.push_read(*shape, &self.buffers[*buffer][range.clone()]),
            }
        }
        match call.kernel.cpu {
            Some(fast) if self.fast => fast(&mut args),
            _ => (call.kernel.reference.f32)(&mut args),
        }
        for (place, taken) in places.into_iter().zip(taken) {
            if let (Some((_, (buffer, _))), Some(data)) = (place, taken) {
                self.buffers[buffer] = data;
            }
        }
    }
}

impl Engine for CpuEngine {
    fn name(&self) -> String {
        format!("CPU, {} threads, {}", self.pool.current_num_threads(), self.isa)
    }

    fn isa(&self) -> Option<Isa> {
        Some(self.isa)
    }

    fn write(&mut self, tensor: Tensor, data: &[f32]) -> Result<(), EngineError> {
        let (buffer, range) = self.program.place(tensor);
        if data.len() != range.len() {
            let tensor = self.program.info(tensor).name.clone();
            return Err(EngineError::Length { tensor, found: data.len(), wanted: range.len() });
        }
        self.buffers[buffer][range].copy_from_slice(data);
        Ok(())
    }

    fn run(&mut self, plan: PlanId, calls: Range<usize>, step: &dyn AnyStep) -> Result<(), EngineError> {
        let (program, id, step) = (self.program.clone(), plan, step.bytes());
        let plan = program.plan(id);
        let complete = calls.end == plan.calls.len();
        // One entry for all calls: each costs two changes of thread, about 20 µs, as much
        // as the small calls take.
        self.pool.clone().install(|| {
            for i in calls {
                let start = self.times.is_some().then(Instant::now);
                self.call(&plan.calls[i], step);
                if let (Some(times), Some(start)) = (&mut self.times, start) {
                    times.add(id, i, start.elapsed());
                }
            }
        });
        if complete {
            for tensor in &plan.watch {
                let (buffer, range) = program.place(*tensor);
                self.log.extend_from_slice(&self.buffers[buffer][range]);
            }
        }
        Ok(())
    }

    fn watched(&mut self) -> Result<Vec<f32>, EngineError> {
        Ok(std::mem::take(&mut self.log))
    }

    fn read(&mut self, tensor: Tensor) -> Result<Vec<f32>, EngineError> {
        let (buffer, range) = self.program.place(tensor);
        Ok(self.buffers[buffer][range].to_vec())
    }

    fn loading(&self) -> LoadStats {
        LoadStats { bytes: self.program.bytes() as u64, ..LoadStats::default() }
    }

    fn timings(&mut self) -> Result<Vec<Timing>, EngineError> {
        Ok(self.times.as_ref().map_or(Vec::new(), |times| times.list(&self.program)))
    }
}
