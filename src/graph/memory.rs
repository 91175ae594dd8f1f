//! Where tensors lie: activations whose lifetimes do not overlap share memory.

use super::{Access, Plan, Role, TensorInfo};

/// Gives every tensor a buffer and returns the buffers' lengths in elements.
///
/// Inputs, parameters, states, gradients and outputs own theirs. An activation
/// lives from the call that writes it to the last that reads it; between calls
/// it takes the smallest free buffer that holds it. Plans never overlap in time,
/// so all of them draw from one pool, the hungriest first.
pub(super) fn place(tensors: &mut [TensorInfo], plans: &[Plan]) -> Vec<usize> {
    let mut buffers = Vec::new();
    for i in 0..tensors.len() {
        if tensors[i].role == Role::Activation {
            continue;
        }
        if let Some(whole) = tensors[i].whole {
            tensors[i].buffer = tensors[whole.index()].buffer;
        } else {
            tensors[i].buffer = buffers.len();
            buffers.push(tensors[i].shape.len());
        }
    }
    let pool_start = buffers.len();
    let demand = |plan: &&Plan| -> usize {
        let written = plan.calls.iter().flat_map(|c| c.args.iter().flatten());
        written.map(|t| t.shape().len()).max().unwrap_or(0)
    };
    let mut order: Vec<&Plan> = plans.iter().collect();
    order.sort_by_key(|p| std::cmp::Reverse(demand(p)));
    for plan in order {
        let mut free: Vec<usize> = (pool_start..buffers.len()).collect();
        for (at, call) in plan.calls.iter().enumerate() {
            for (arg, tensor) in call.kernel.args.iter().zip(&call.args) {
                let Some(t) = tensor else { continue };
                let info = &mut tensors[t.index()];
                if info.role != Role::Activation || arg.access != Access::Write {
                    continue;
                }
                let len = info.shape.len();
                let fit =
                    free.iter().enumerate().filter(|(_, b)| buffers[**b] >= len).min_by_key(|(_, b)| buffers[**b]);
                info.buffer = match fit.map(|(slot, _)| slot) {
                    Some(slot) => free.swap_remove(slot),
                    None => {
                        buffers.push(len);
                        buffers.len() - 1
                    }
                };
            }
            for t in call.args.iter().flatten() {
                let last = plan.calls.iter().rposition(|c| c.args.contains(&Some(*t)));
                if tensors[t.index()].role == Role::Activation && last == Some(at) {
                    free.push(tensors[t.index()].buffer);
                }
            }
        }
    }
    buffers
}
