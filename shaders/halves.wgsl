// Four pixels as the channels of one, and back. Channels last; a thread makes one number.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    @size(16) add: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, C]
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [N, ⌈H/2⌉, ⌈W/2⌉, 4 · C]
@group(0) @binding(2) var<storage, read> quads: array<f32>; // as y
@group(0) @binding(3) var<storage, read> add: array<f32>; // as x, if params.add
@group(0) @binding(4) var<storage, read_write> pixels: array<f32>; // as x

// y[i, j] = [x[2i, 2j], x[2i, 2j + 1], x[2i + 1, 2j], x[2i + 1, 2j + 1]], zeros outside
@compute @workgroup_size(64)
fn fold(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let h = (params.h + 1u) / 2u;
    let w = (params.w + 1u) / 2u;
    let i = group_index(group, groups) * 64u + local;
    let quad = i / params.c / 4u;
    if quad >= params.n * h * w {
        return;
    }
    let tap = i / params.c % 4u;
    let row = quad / w % h * 2u + tap / 2u;
    let column = quad % w * 2u + tap % 2u;
    var value = 0.0;
    if row < params.h && column < params.w {
        value = x[((quad / w / h * params.h + row) * params.w + column) * params.c + i % params.c];
    }
    y[i] = value;
}

// The other way round, + add
@compute @workgroup_size(64)
fn unfold(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let h = (params.h + 1u) / 2u;
    let w = (params.w + 1u) / 2u;
    let i = group_index(group, groups) * 64u + local;
    let pixel = i / params.c;
    if pixel >= params.n * params.h * params.w {
        return;
    }
    let row = pixel / params.w % params.h;
    let column = pixel % params.w;
    let quad = (pixel / params.w / params.h * h + row / 2u) * w + column / 2u;
    var value = quads[(quad * 4u + row % 2u * 2u + column % 2u) * params.c + i % params.c];
    if params.add == 1u {
        value += add[i];
    }
    pixels[i] = value;
}

