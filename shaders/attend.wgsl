// Channel attention, y = x + s v with a factor for each channel of an image, and its gradients. Channels last.

struct Params {
    n: u32,
    pixels: u32,
    c: u32,
    chunk: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // [N, pixels, C]
@group(0) @binding(1) var<storage, read> s: array<f32>; // [N, C]
@group(0) @binding(2) var<storage, read> x: array<f32>; // [N, pixels, C]
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [N, pixels, C]
@group(0) @binding(4) var<storage, read> dy: array<f32>; // [N, pixels, C]
@group(0) @binding(5) var<storage, read> dmean: array<f32>; // [N, C]
@group(0) @binding(6) var<storage, read_write> dv: array<f32>; // [N, pixels, C]
@group(0) @binding(7) var<storage, read_write> part: array<f32>; // [N, runs, C]

// The factor's number for element i of an image.
fn factor(i: u32) -> u32 {
    return i / params.c / params.pixels * params.c + i % params.c;
}

// y = x + s v
@compute @workgroup_size(64)
fn attend(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    y[i] = x[i] + s[factor(i)] * v[i];
}

// dv = s dy + dmean / pixels
@compute @workgroup_size(64)
fn attend_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    dv[i] = s[factor(i)] * dy[i] + dmean[factor(i)] / f32(params.pixels);
}

// part[n, k] = Σ over the k-th `chunk` pixels of dy v
@compute @workgroup_size(64)
fn attend_grad_factor(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.c + 63u) / 64u;
    let runs = (params.pixels + params.chunk - 1u) / params.chunk;
    let index = group_index(group, groups);
    let run = index / blocks;
    let c = index % blocks * 64u + local;
    if run >= params.n * runs || c >= params.c {
        return;
    }
    let first = run % runs * params.chunk;
    let end = min(first + params.chunk, params.pixels);
    var sum = 0.0;
    for (var pixel = first; pixel < end; pixel++) {
        let i = (run / runs * params.pixels + pixel) * params.c + c;
        sum += dy[i] * v[i];
    }
    part[run * params.c + c] = sum;
}
