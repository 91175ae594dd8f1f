// Pixels of an image sorted into clusters of like surroundings. Channels last; a table has a row for each cluster: its
// centre, and the number that pixels nearest to it are given, or −1 if it has none.
//
// `box_mean` and `cluster_start`: a thread makes one number. `cluster_index`: a thread sorts one pixel.
// `cluster_centres`: a thread makes one number of a table.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    runs: u32,
    @size(12) least: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, C]
@group(0) @binding(1) var<storage, read_write> f: array<f32>; // [N, H, W, C]
@group(0) @binding(2) var<storage, read> features: array<f32>; // [N, H, W, C]
@group(0) @binding(3) var<storage, read_write> table: array<f32>; // [N, CLUSTERS, C + 1]
@group(0) @binding(4) var<storage, read> centres: array<f32>; // [N, CLUSTERS, C + 1]
@group(0) @binding(5) var<storage, read_write> index: array<f32>; // [N, H, W]
@group(0) @binding(6) var<storage, read> part: array<f32>; // [N, runs, CLUSTERS + 1, C + 1]

const CLUSTERS = 32u;

// f = mean of x over 3×3 pixels, zeros outside counted
@compute @workgroup_size(64)
fn box_mean(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.h * params.w * params.c {
        return;
    }
    let pixel = i / params.c;
    let row = pixel / params.w % params.h;
    let column = pixel % params.w;
    var sum = 0.0;
    for (var t = 0u; t < 9u; t++) {
        // Below zero wraps to outside.
        let y = row + t / 3u - 1u;
        let z = column + t % 3u - 1u;
        if y < params.h && z < params.w {
            let source = (pixel / params.w / params.h * params.h + y) * params.w + z;
            sum += x[source * params.c + i % params.c];
        }
    }
    f[i] = sum / 9.0;
}

// Pixel of a length's sixths: their middles, alike from both ends.
fn place(sixth: u32, length: u32) -> u32 {
    let twelfths = (2u * sixth + 1u) * length;
    return select(twelfths, twelfths - 1u, sixth < 3u) / 12u;
}

// Pixels of a lattice of 6×6 without its corners as the first centres
@compute @workgroup_size(64)
fn cluster_start(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let columns = params.c + 1u;
    if i >= params.n * CLUSTERS * columns {
        return;
    }
    let n = i / columns / CLUSTERS;
    let k = i / columns % CLUSTERS;
    let c = i % columns;
    if c == params.c {
        table[i] = f32(k);
        return;
    }
    let cell = k + 1u + u32(k >= 4u) + u32(k >= 28u);
    let row = place(cell / 6u, params.h);
    let column = place(cell % 6u, params.w);
    table[i] = features[((n * params.h + row) * params.w + column) * params.c + c];
}

// Number of the nearest centre, the first of equally near ones
@compute @workgroup_size(64)
fn cluster_index(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * 64u + local;
    if pixel >= params.n * params.h * params.w {
        return;
    }
    let n = pixel / params.w / params.h;
    var nearest = 3.4e38;
    var found = f32(CLUSTERS);
    for (var k = 0u; k < CLUSTERS; k++) {
        let row = (n * CLUSTERS + k) * (params.c + 1u);
        let number = centres[row + params.c];
        if number < 0.0 {
            continue;
        }
        var distance = 0.0;
        for (var c = 0u; c < params.c; c++) {
            let difference = features[pixel * params.c + c] - centres[row + c];
            distance += difference * difference;
        }
        if distance < nearest {
            nearest = distance;
            found = min(number, f32(CLUSTERS));
        }
    }
    index[pixel] = found;
}

// Means of the pixels of each cluster, and the number of those that have more than the least
@compute @workgroup_size(64)
fn cluster_centres(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let columns = params.c + 1u;
    if i >= params.n * CLUSTERS * columns {
        return;
    }
    let n = i / columns / CLUSTERS;
    let k = i / columns % CLUSTERS;
    let c = i % columns;
    var count = 0.0;
    var sum = 0.0;
    for (var run = 0u; run < params.runs; run++) {
        let row = ((n * params.runs + run) * (CLUSTERS + 1u) + k) * columns;
        count += part[row + params.c];
        sum += part[row + c];
    }
    if c < params.c {
        table[i] = select(sum / count, 0.0, count == 0.0);
    } else if count == 0.0 {
        table[i] = -1.0;
    } else {
        table[i] = f32(select(k, CLUSTERS, count <= f32(params.least)));
    }
}

