// Leaky ReLU of channels with biases. Channels last; a thread makes one number.

struct Params {
    len: u32,
    c: u32,
    slope: f32,
    inverse: f32, // of the slope, for the reference
    bias: u32,
    @size(12) add: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, C]
@group(0) @binding(1) var<storage, read> b: array<f32>; // [C], if params.bias
@group(0) @binding(2) var<storage, read> add: array<f32>; // as x, if params.add
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // as x
@group(0) @binding(4) var<storage, read> dy: array<f32>; // as x
@group(0) @binding(5) var<storage, read_write> dx: array<f32>; // as x

fn biased(i: u32) -> f32 {
    if params.bias == 1u {
        return x[i] + b[i % params.c];
    }
    return x[i];
}

// y = leaky(x + b) + add
@compute @workgroup_size(64)
fn leaky(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    let z = biased(i);
    var value = select(params.slope * z, z, z > 0.0);
    if params.add == 1u {
        value += add[i];
    }
    y[i] = value;
}

// dx = dy, below zero times the slope
@compute @workgroup_size(64)
fn leaky_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    dx[i] = select(params.slope, 1.0, biased(i) > 0.0) * dy[i];
}

