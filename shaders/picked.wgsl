// Channels of one or two images side by side. Channels last; a thread makes one number.

struct Params {
    pixels: u32,
    c: u32,
    ca: u32,
    cb: u32,
    split: u32,
    @size(12) first: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>; // [pixels, Ca], if params.split
@group(0) @binding(1) var<storage, read> b: array<f32>; // [pixels, Cb]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [pixels, C]

// y = [a[..split], b[first..]]
@compute @workgroup_size(64)
fn picked(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.pixels * params.c {
        return;
    }
    let pixel = i / params.c;
    let k = i % params.c;
    if k < params.split {
        y[i] = a[pixel * params.ca + k];
    } else {
        y[i] = b[pixel * params.cb + params.first + k - params.split];
    }
}
