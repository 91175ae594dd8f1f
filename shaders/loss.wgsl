// Losses with their gradients, and sums over rows: the two halves of every reduction.
// The order of each sum is fixed, so that a run repeats bit for bit.

struct Params {
    len: u32,
    count: u32,
    scale: f32,
    channels: u32, // elements per weight, 0 without weights
    @size(16) bend: f32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<f32>; // `target` is reserved
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> part: array<f32>; // [⌈len / count⌉]
@group(0) @binding(4) var<storage, read> rows: array<f32>; // [count, len]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [len]
@group(0) @binding(6) var<storage, read> weight: array<f32>; // [len / channels], if there are channels

const THREADS = 256u;
var<workgroup> sums: array<f32, THREADS>;

fn weight_of(i: u32) -> f32 {
    if params.channels > 0u {
        return weight[i / params.channels];
    }
    return 1.0;
}

// Adds up the threads' sums into part p.
fn finish(p: u32, local: u32, sum: f32) {
    sums[local] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            sums[local] += sums[local + half];
        }
    }
    if local == 0u && p * params.count < params.len {
        part[p] = sums[0];
    }
}

// dy = scale · w · (y − target);  part[p] = Σ w · (y − target)² over the p-th `count` elements
@compute @workgroup_size(THREADS)
fn l2(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let p = group_index(group, groups);
    let end = min((p + 1u) * params.count, params.len);
    var sum = 0.0;
    for (var i = p * params.count + local; i < end; i += THREADS) {
        let difference = y[i] - target_[i];
        let w = weight_of(i);
        dy[i] = params.scale * w * difference;
        sum += w * difference * difference;
    }
    finish(p, local, sum);
}

// dy = scale · w · e / √(e² + bend²);  part[p] = Σ w · √(e² + bend²), e = y − target
@compute @workgroup_size(THREADS)
fn charbonnier(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let p = group_index(group, groups);
    let end = min((p + 1u) * params.count, params.len);
    var sum = 0.0;
    for (var i = p * params.count + local; i < end; i += THREADS) {
        let difference = y[i] - target_[i];
        let length = sqrt(difference * difference + params.bend * params.bend);
        let w = weight_of(i);
        dy[i] = params.scale * w * difference / length;
        sum += w * length;
    }
    finish(p, local, sum);
}

// One thread per column would leave a GPU waiting for memory row after row: eight share
// one, each taking every eighth row, 32 neighbouring columns to a workgroup; all of them
// share a single column. A thread asks for eight rows at once, for the same reason.
const COLUMNS = 32u;

fn row_at(i: u32, j: u32) -> f32 {
    if i < params.count {
        return rows[i * params.len + j];
    }
    return 0.0;
}

// out[j] = scale · Σ_i rows[i,j]
@compute @workgroup_size(THREADS)
fn sum_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let columns = select(COLUMNS, 1u, params.len == 1u);
    let lanes = THREADS / columns;
    let j = group_index(group, groups) * columns + local % columns;
    var sum = 0.0;
    if j < params.len {
        for (var i = local / columns; i < params.count; i += 8u * lanes) {
            let a = row_at(i, j) + row_at(i + lanes, j);
            let b = row_at(i + 2u * lanes, j) + row_at(i + 3u * lanes, j);
            let c = row_at(i + 4u * lanes, j) + row_at(i + 5u * lanes, j);
            let d = row_at(i + 6u * lanes, j) + row_at(i + 7u * lanes, j);
            sum += (a + b) + (c + d);
        }
    }
    sums[local] = sum;
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half * columns {
            sums[local] += sums[local + half * columns];
        }
    }
    if local < columns && j < params.len {
        out[j] = params.scale * sums[local];
    }
}
