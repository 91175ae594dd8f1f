// Images gated by SiLUs of others, and the gradients. A thread makes one number.

struct Params {
    len: u32,
    @size(12) add: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> add: array<f32>; // if params.add
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> dz: array<f32>;

fn sigmoid(v: f32) -> f32 {
    return 1.0 / (1.0 + exp(-v));
}

// y = x silu(z) + add
@compute @workgroup_size(64)
fn gated(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    var value = x[i] * z[i] * sigmoid(z[i]);
    if params.add == 1u {
        value += add[i];
    }
    y[i] = value;
}

// dx = dy silu(z), dz = dy x silu'(z)
@compute @workgroup_size(64)
fn gated_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    let s = sigmoid(z[i]);
    dx[i] = dy[i] * z[i] * s;
    dz[i] = dy[i] * x[i] * s * (1.0 + z[i] * (1.0 - s));
}
