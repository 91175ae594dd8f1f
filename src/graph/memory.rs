//! Where tensors lie: activations whose lifetimes do not overlap share memory.

use super::{Plan, Role, TensorInfo};

/// The calls of a plan during which an activation holds a value: from the one that
/// writes it to the last that reads it.
#[derive(Clone, Copy)]
struct Life {
    plan: usize,
    first: usize,
    last: usize,
}

impl Life {
    fn overlaps(self, other: Self) -> bool {
        self.plan == other.plan && self.first <= other.last && other.first <= self.last
    }
}

/// Gives every tensor a buffer and returns the buffers' lengths in elements.
///
/// Inputs, parameters, states, gradients and outputs own theirs. Activations share:
/// the largest first, each takes the smallest buffer that holds no other one during its
/// life. Plans never overlap in time, so all of them draw from one pool. In order of
/// time instead of size, an 8-channel image would open a buffer of its own where a later
/// 32-channel one opens another.
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
    let lives = lives(tensors.len(), plans);
    let mut order: Vec<usize> = (0..tensors.len()).filter(|i| tensors[*i].role == Role::Activation).collect();
    order.sort_by_key(|i| std::cmp::Reverse(tensors[*i].shape.len()));
    // Who lives in each shared buffer. They shrink from the first to the last.
    let mut pool: Vec<(usize, Vec<Life>)> = Vec::new();
    for i in order {
        let free = |held: &[Life]| !held.iter().any(|h| lives[i].iter().any(|l| l.overlaps(*h)));
        let slot = pool.iter().rposition(|(_, held)| free(held)).unwrap_or_else(|| {
            buffers.push(tensors[i].shape.len());
            pool.push((buffers.len() - 1, Vec::new()));
            pool.len() - 1
        });
        tensors[i].buffer = pool[slot].0;
        pool[slot].1.extend(&lives[i]);
    }
    buffers
}

/// Lives of every tensor, one per plan that uses it.
fn lives(tensors: usize, plans: &[Plan]) -> Vec<Vec<Life>> {
    let mut lives = vec![Vec::<Life>::new(); tensors];
    for (plan, calls) in plans.iter().map(|p| &p.calls).enumerate() {
        for (at, call) in calls.iter().enumerate() {
            for tensor in call.args.iter().flatten() {
                let lives = &mut lives[tensor.index()];
                match lives.last_mut().filter(|life| life.plan == plan) {
                    Some(life) => life.last = at,
                    None => lives.push(Life { plan, first: at, last: at }),
                }
            }
        }
    }
    lives
}
