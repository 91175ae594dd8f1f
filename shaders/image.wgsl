// Per-pixel image operations, one thread per output element, channels fastest.

struct Params {
    len: u32,
    channels: u32,
    input_w: u32,
    h: u32,
    @size(16) w: u32,
}

@group(0) @binding(0) var<storage, read> pan: array<f32>; // [N, H, W, 1]
@group(0) @binding(1) var<storage, read> lms: array<f32>; // [N, H, W, C]
@group(0) @binding(2) var<storage, read_write> d: array<f32>; // [N, H, W, C or 2C]
@group(0) @binding(3) var<storage, read> x: array<f32>; // [1, H, W, C]
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // [crops, h, w, C]
@group(0) @binding(5) var<storage, read> dy: array<f32>; // [N, H, W, C]
@group(0) @binding(6) var<storage, read> before: array<f32>; // [N, H, W, C]
@group(0) @binding(7) var<storage, read> after: array<f32>; // [N, H, W, C]

// d[n,i,j,c] = pan[n,i,j] − lms[n,i,j,c]
@compute @workgroup_size(64)
fn detail(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    d[i] = pan[i / params.channels] - lms[i];
}

// d[n,i,j] = [pan[n,i,j] − lms[n,i,j,..], lms[n,i,j,..]]
@compute @workgroup_size(64)
fn features(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    let pixel = i / params.channels;
    let at = i + pixel * params.channels;
    d[at] = pan[pixel] - lms[i];
    d[at + params.channels] = lms[i];
}

// d = dy where after > before, else 0
@compute @workgroup_size(64)
fn risen(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    d[i] = select(0.0, dy[i], after[i] > before[i]);
}

// y[k,i,j,c] = x[row_k + i, column_k + j, c], with j mirrored where crop k is flipped
@compute @workgroup_size(64)
fn crop(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let index = group_index(group, groups) * 64u + local;
    if index >= params.len {
        return;
    }
    let c = index % params.channels;
    let pixel = index / params.channels;
    let i = pixel / params.w % params.h;
    let k = pixel / params.w / params.h;
    let at = step.crops[k]; // row, column, flip
    let j = select(pixel % params.w, params.w - 1u - pixel % params.w, at.z == 1u);
    y[index] = x[((at.x + i) * params.input_w + at.y + j) * params.channels + c];
}
