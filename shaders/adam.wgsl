// Adam, one thread per parameter; those before `first` stay. Bias corrections come from the host in f64, as `step`.

struct Params {
    len: u32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    eps: f32,
    @size(8) first: u32,
}

@group(0) @binding(0) var<storage, read_write> w: array<f32>;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;

// m ← β1 m + (1−β1) g,  v ← β2 v + (1−β2) g²,  w ← w − rate · m / (√v · rescale + ε)
@compute @workgroup_size(64)
fn adam(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i < params.first || i >= params.len {
        return;
    }
    let mean = params.beta1 * m[i] + params.one_minus_beta1 * g[i];
    let square = params.beta2 * v[i] + params.one_minus_beta2 * g[i] * g[i];
    m[i] = mean;
    v[i] = square;
    w[i] -= step.rate * mean / (sqrt(square) * step.rescale + params.eps);
}
